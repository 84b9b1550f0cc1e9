import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;

/** Commands that write: generated payments, records given one by one, and transactions that end as told. */
final class Produce {
    private static final Map<String, KafkaProducer<byte[], byte[]>> OPEN = new ConcurrentHashMap<>();

    private Produce() {}

    static void register(Map<String, Tool.Command> to) {
        to.put("generate", Produce::generate);
        to.put("produce", Produce::produce);
        to.put("end_transaction", Produce::end);
    }

    /** "count" generated records from "first" on, record n on partition n mod "partitions", at most "rate" a second. */
    private static void generate(JsonNode in, ObjectNode out) throws Exception {
        Payments payments = new Payments(in);
        long first = in.path("first").asLong(0);
        long count = in.path("count").asLong();
        int partitions = in.path("partitions").asInt(1);
        String topic = Tool.text(in, "topic");
        long rate = in.path("rate").asLong(Long.MAX_VALUE);
        long began = System.nanoTime();
        AtomicReference<Exception> failed = new AtomicReference<>();
        send(in, p -> {
            for (long n = first; n < first + count && failed.get() == null; n++) {
                while ((n - first) * 1e9 / rate > System.nanoTime() - began) Thread.sleep(1);
                p.send(payments.record(topic, (int) (n % partitions), n), (m, e) -> {
                    if (e != null) failed.compareAndSet(null, e);
                });
            }
        });
        if (failed.get() != null) throw failed.get();
        out.put("produced", count);
    }

    /** "records": [{partition, key, value, headers: [[name, value]], timestamp}]; *_base64 names take bytes. All of them
     *  "times" times. */
    private static void produce(JsonNode in, ObjectNode out) throws Exception {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        String topic = Tool.text(in, "topic");
        send(in, p -> {
            int times = in.path("times").asInt(1);
            for (int time = 0; time < times; time++) for (JsonNode r : in.path("records")) {
                List<Header> headers = new ArrayList<>();
                for (JsonNode h : r.path("headers")) headers.add(new RecordHeader(h.get(0).asText(), text(h.get(1))));
                Long timestamp = r.has("timestamp") ? Long.valueOf(r.get("timestamp").asLong()) : null;
                sent.add(p.send(new ProducerRecord<>(topic, r.path("partition").asInt(0), timestamp,
                    bytes(r, "key"), bytes(r, "value"), headers)));
            }
        });
        var offsets = out.putArray("offsets");
        for (Future<RecordMetadata> f : sent) offsets.add(f.get().offset());
    }

    private interface Work {
        void with(KafkaProducer<byte[], byte[]> producer) throws Exception;
    }

    /** Plain, or in one transaction that ends as "transaction" says: commit, abort, or open (until end_transaction). */
    private static void send(JsonNode in, Work work) throws Exception {
        String how = in.path("transaction").asText("");
        String id = how.isEmpty() ? null : Tool.text(in, "transactional_id");
        KafkaProducer<byte[], byte[]> p =
            Clients.producer(Tool.text(in, "bootstrap"), id, in.path("timeout_ms").asInt(600_000));
        boolean keep = false;
        try {
            if (id != null) {
                p.initTransactions();
                p.beginTransaction();
            }
            work.with(p);
            p.flush();
            if (how.equals("commit")) p.commitTransaction();
            else if (how.equals("abort")) p.abortTransaction();
            else if (how.equals("open")) keep = true;
            else if (!how.isEmpty()) throw new IllegalArgumentException("transaction: commit, abort or open");
            if (keep && OPEN.putIfAbsent(id, p) != null) throw new IllegalStateException(id + " is open already");
        } finally {
            if (!keep) p.close();
        }
    }

    private static void end(JsonNode in, ObjectNode out) {
        String id = Tool.text(in, "transactional_id");
        KafkaProducer<byte[], byte[]> p = OPEN.remove(id);
        if (p == null) throw new IllegalArgumentException("no open transaction " + id);
        try (p) {
            if (in.path("commit").asBoolean()) p.commitTransaction();
            else p.abortTransaction();
        }
    }

    static byte[] bytes(JsonNode record, String name) {
        JsonNode encoded = record.path(name + "_base64");
        if (encoded.isTextual()) return Base64.getDecoder().decode(encoded.asText());
        JsonNode repeat = record.path(name + "_repeat"); // [text, times], for big values
        if (repeat.isArray()) return repeat.get(0).asText().repeat(repeat.get(1).asInt()).getBytes(StandardCharsets.UTF_8);
        return text(record.path(name));
    }

    private static byte[] text(JsonNode v) {
        return v == null || v.isNull() || v.isMissingNode() ? null : v.asText().getBytes(StandardCharsets.UTF_8);
    }
}
