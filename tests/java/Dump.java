import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedWriter;
import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;

/** Reads topics whole, from the first record to the end they had when asked; dumps them and searches them. */
final class Dump {
    private static final Duration WAIT = Duration.ofMillis(200);

    private Dump() {}

    interface Each {
        void record(ConsumerRecord<byte[], byte[]> record) throws Exception;
    }

    /** All records of one partition, in order, up to the last stable offset or the high watermark. */
    static void read(String bootstrap, TopicPartition tp, boolean committedOnly, Each each) throws Exception {
        try (KafkaConsumer<byte[], byte[]> c = Clients.consumer(bootstrap, committedOnly)) {
            c.assign(List.of(tp));
            c.seekToBeginning(List.of(tp));
            long end = c.endOffsets(List.of(tp)).get(tp);
            long deadline = System.currentTimeMillis() + 120_000;
            while (c.position(tp) < end) {
                if (System.currentTimeMillis() > deadline) throw new IllegalStateException("reading " + tp + " to " + end + " took too long");
                for (var r : c.poll(WAIT)) {
                    if (r.offset() < end) each.record(r);
                }
            }
        }
    }

    /** Partition numbers of a topic. */
    static List<Integer> partitions(String bootstrap, String topic) throws Exception {
        ObjectNode in = Tool.JSON.createObjectNode().put("bootstrap", bootstrap);
        return new ArrayList<>(Topics.ends(Clients.admin(in), topic, false).keySet());
    }

    /** "topic" → JSON lines {p, o, t, k, v, h: [[name, value]]} with base64 bytes, into "file" or the answer. */
    static void dump(JsonNode in, ObjectNode out) throws Exception {
        String bootstrap = Tool.text(in, "bootstrap");
        String topic = Tool.text(in, "topic");
        boolean committed = in.path("committed").asBoolean(true);
        if (in.has("file")) {
            long[] count = {0};
            try (BufferedWriter to = Files.newBufferedWriter(Path.of(Tool.text(in, "file")))) {
                for (int p : partitions(bootstrap, topic)) {
                    read(bootstrap, new TopicPartition(topic, p), committed, r -> {
                        to.write(line(r) + "\n");
                        count[0]++;
                    });
                }
            }
            out.put("count", count[0]);
        } else {
            ArrayNode list = out.putArray("records");
            for (int p : partitions(bootstrap, topic)) {
                read(bootstrap, new TopicPartition(topic, p), committed, r -> list.add(line(r)));
            }
        }
    }

    private static ObjectNode line(ConsumerRecord<byte[], byte[]> r) {
        ObjectNode o = Tool.JSON.createObjectNode().put("p", r.partition()).put("o", r.offset()).put("t", r.timestamp())
            .put("k", r.key()).put("v", r.value());
        ArrayNode headers = o.putArray("h");
        for (Header h : r.headers()) {
            headers.addArray().add(Base64.getEncoder().encodeToString(name(h))).add(h.value());
        }
        return o;
    }

    /** The name as bytes: the client's own text replaces what is not UTF-8, so the buffer behind it is read. */
    static byte[] name(Header header) {
        try {
            Field f = RecordHeader.class.getDeclaredField("keyBuffer");
            f.setAccessible(true);
            ByteBuffer raw = (ByteBuffer) f.get(header);
            if (raw == null) return header.key().getBytes(StandardCharsets.UTF_8);
            byte[] bytes = new byte[raw.remaining()];
            raw.duplicate().get(bytes);
            return bytes;
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("cannot read the bytes of a header name", e);
        }
    }

    /**
     * Counts records of "topics" (uncommitted ones too) whose key, value or headers match one of "patterns", each
     * a plain string: as it is, as hex, and as base64 at its three alignments.
     */
    static void grep(JsonNode in, ObjectNode out) throws Exception {
        String bootstrap = Tool.text(in, "bootstrap");
        List<Pattern> patterns = new ArrayList<>();
        for (JsonNode s : in.path("patterns")) patterns.add(disguises(s.asText()));
        ArrayNode hits = out.putArray("hits");
        long[] read = {0};
        for (JsonNode topic : in.path("topics")) {
            for (int p : partitions(bootstrap, topic.asText())) {
                read(bootstrap, new TopicPartition(topic.asText(), p), false, r -> {
                    read[0]++;
                    StringBuilder all = new StringBuilder();
                    append(all, r.key());
                    append(all, r.value());
                    for (Header h : r.headers()) {
                        append(all, name(h));
                        append(all, h.value());
                    }
                    for (Pattern pattern : patterns) {
                        if (hits.size() < 20 && pattern.matcher(all).find()) hits.add(r.topic() + "/" + r.partition() + "@" + r.offset());
                    }
                });
            }
        }
        out.put("read", read[0]);
    }

    private static void append(StringBuilder to, byte[] bytes) {
        if (bytes != null) to.append(new String(bytes, StandardCharsets.ISO_8859_1)).append('\n');
    }

    static Pattern disguises(String plain) {
        byte[] bytes = plain.getBytes(StandardCharsets.ISO_8859_1);
        String hex = java.util.HexFormat.of().formatHex(bytes);
        StringBuilder b = new StringBuilder(Pattern.quote(plain));
        b.append('|').append(hex).append('|').append(hex.toUpperCase(Locale.ROOT));
        for (int shift = 0; shift < 3; shift++) {
            byte[] shifted = new byte[shift + bytes.length];
            System.arraycopy(bytes, 0, shifted, shift, bytes.length);
            String text = Base64.getEncoder().withoutPadding().encodeToString(shifted);
            int from = shift == 0 ? 0 : shift + 1; // characters that also carry bits of what stands before
            int to = shifted.length * 8 / 6; // and of what follows
            b.append('|').append(Pattern.quote(text.substring(from, to)));
        }
        return Pattern.compile(b.toString());
    }
}
