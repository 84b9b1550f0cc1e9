import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;

/**
 * Copies a topic the way Sluice should, with at most one "fault" per partition 0: lose, double, reorder, unmask,
 * retime, rehead, move (to partition 1). It exists so that the checker can be shown to pass the right and to fail
 * the wrong; the transform is the checker's own, so it says nothing about the transform.
 */
final class ReferenceCopy {
    private static final int VICTIM = 7; // the eighth record of partition 0

    private ReferenceCopy() {}

    static void run(JsonNode in, ObjectNode out) throws Exception {
        String from = Tool.text(in.path("source"), "bootstrap");
        String to = Tool.text(in.path("target"), "bootstrap");
        String sourceTopic = Tool.text(in.path("source"), "topic");
        String targetTopic = Tool.text(in.path("target"), "topic");
        String fault = in.path("fault").asText("");
        Expect expect = new Expect(in);
        try (KafkaProducer<byte[], byte[]> producer = Clients.producer(to, null, 0)) {
            for (int p : Dump.partitions(from, sourceTopic)) {
                List<ProducerRecord<byte[], byte[]>> all = new ArrayList<>();
                Dump.read(from, new TopicPartition(sourceTopic, p), true, r -> {
                    for (Expect.Rec rec : expect.of(Checker.rec(r)).records()) {
                        boolean clear = p == 0 && fault.equals("unmask") && all.size() == VICTIM;
                        all.add(record(targetTopic, p, clear ? rec.withValue(r.value()) : rec));
                    }
                });
                if (p == 0) spoil(fault, all);
                for (ProducerRecord<byte[], byte[]> r : all) producer.send(r);
                producer.flush();
            }
        }
    }

    private static ProducerRecord<byte[], byte[]> record(String topic, int partition, Expect.Rec rec) {
        List<Header> headers = new ArrayList<>();
        for (List<byte[]> h : rec.headers()) {
            headers.add(new RecordHeader(new String(h.get(0), java.nio.charset.StandardCharsets.UTF_8), h.get(1)));
        }
        return new ProducerRecord<>(topic, partition, rec.timestamp(), rec.key(), rec.value(), headers);
    }

    private static void spoil(String fault, List<ProducerRecord<byte[], byte[]>> all) {
        ProducerRecord<byte[], byte[]> v = all.get(VICTIM);
        switch (fault) {
            case "", "unmask" -> { }
            case "lose" -> all.remove(VICTIM);
            case "double" -> all.add(VICTIM + 3, v);
            case "reorder" -> Collections.swap(all, VICTIM, VICTIM + 1);
            case "retime" -> all.set(VICTIM, new ProducerRecord<>(v.topic(), 0, v.timestamp() + 1, v.key(), v.value(), v.headers()));
            case "rehead" -> all.set(VICTIM, new ProducerRecord<>(v.topic(), 0, v.timestamp(), v.key(), v.value()));
            case "move" -> all.set(VICTIM, new ProducerRecord<>(v.topic(), 1, v.timestamp(), v.key(), v.value(), v.headers()));
            default -> throw new IllegalArgumentException("fault " + fault);
        }
    }
}
