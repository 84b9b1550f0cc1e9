import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;

/**
 * The independent judge. Reads source and target read_committed, partition by partition, computes what must be there
 * and compares whole lists: same records, each once, in the same order, on the same partition, with key, value,
 * headers and timestamp. A difference is named by kind: lost, doubled, reordered, altered (and how), alien.
 * Arguments: source, target {bootstrap, topic}; steps, keys; optional: "starts" {partition: first source offset},
 * "ends" {partition: first source offset of which nothing may be there}, "stamped" (guest-stamp is a step: what it wrote
 * counts as the "none" that stood there before), "prefix" (the target may end early), "at_least_once" (repeats are
 * counted, not held against it), "pairs" (a file for lines "partition source-offset target-offset ordinal" of every
 * record on the target).
 */
final class Checker {
    private static final int SHOWN = 20;
    private static final Pattern STAMP = Pattern.compile("\"trigger\":\"stamp-[0-9]{3}\"");

    private final JsonNode in;
    private final Expect expect;
    private final Map<String, Long> kinds = new TreeMap<>();
    private final ArrayNode findings;
    private final ArrayNode quarantined;
    private long read;
    private long passed;
    private long filtered;
    private long emitted;
    private long doubled;

    private Checker(JsonNode in, ObjectNode out) {
        this.in = in;
        expect = new Expect(in);
        findings = out.putArray("findings");
        quarantined = out.putArray("quarantined_at");
    }

    private record Placed(long offset, Expect.Rec rec) {}

    private record Wanted(long source, int ordinal, Expect.Rec rec) {}

    static void check(JsonNode in, ObjectNode out) throws Exception {
        Checker c = new Checker(in, out);
        try (BufferedWriter pairs = in.has("pairs") ? Files.newBufferedWriter(Path.of(Tool.text(in, "pairs")))
            : new BufferedWriter(Writer.nullWriter())) {
            c.run(pairs);
        }
        out.put("read", c.read).put("passed", c.passed).put("filtered", c.filtered)
            .put("quarantined", c.quarantined.size()).put("emitted", c.emitted).put("doubled", c.doubled);
        ObjectNode kinds = out.putObject("kinds");
        c.kinds.forEach(kinds::put);
        out.put("ok", c.kinds.isEmpty());
    }

    private void run(Writer pairs) throws Exception {
        String from = Tool.text(in.path("source"), "bootstrap");
        String to = Tool.text(in.path("target"), "bootstrap");
        String sourceTopic = Tool.text(in.path("source"), "topic");
        String targetTopic = Tool.text(in.path("target"), "topic");
        List<Integer> targets = Dump.partitions(to, targetTopic);
        List<Integer> sources = Dump.partitions(from, sourceTopic);
        if (!targets.equals(sources)) find("partitions", -1, -1, "source has " + sources.size() + ", target " + targets.size());
        for (int p : sources) {
            long start = in.path("starts").path(Integer.toString(p)).asLong(0);
            long end = in.path("ends").path(Integer.toString(p)).asLong(Long.MAX_VALUE);
            List<Wanted> wanted = new ArrayList<>();
            Dump.read(from, new TopicPartition(sourceTopic, p), true, r -> {
                if (r.offset() >= start && r.offset() < end) want(p, r, wanted);
            });
            List<Placed> actual = new ArrayList<>();
            if (targets.contains(p)) {
                Dump.read(to, new TopicPartition(targetTopic, p), true, r -> actual.add(new Placed(r.offset(), unstamped(rec(r)))));
            }
            compare(p, wanted, in.path("at_least_once").asBoolean() ? firstOnes(actual) : actual, pairs);
        }
    }

    private void want(int p, ConsumerRecord<byte[], byte[]> r, List<Wanted> wanted) throws Exception {
        read++;
        Expect.Result result = expect.of(rec(r));
        switch (result.outcome()) {
            case FILTERED -> filtered++;
            case QUARANTINED -> quarantined.addArray().add(p).add(r.offset());
            case PASSED -> passed++;
        }
        for (int i = 0; i < result.records().size(); i++) wanted.add(new Wanted(r.offset(), i, result.records().get(i)));
        emitted += result.emitted();
    }

    static Expect.Rec rec(ConsumerRecord<byte[], byte[]> r) {
        List<List<byte[]>> headers = new ArrayList<>();
        for (Header h : r.headers()) headers.add(Arrays.asList(Dump.name(h), h.value()));
        return new Expect.Rec(r.key(), r.value(), headers, r.timestamp());
    }

    private Expect.Rec unstamped(Expect.Rec r) {
        if (!in.path("stamped").asBoolean() || r.value() == null) return r;
        String value = new String(r.value(), StandardCharsets.UTF_8);
        return r.withValue(STAMP.matcher(value).replaceFirst("\"trigger\":\"none\"").getBytes(StandardCharsets.UTF_8));
    }

    private List<Placed> firstOnes(List<Placed> actual) {
        Set<Expect.Rec> seen = new HashSet<>();
        List<Placed> first = new ArrayList<>();
        for (Placed a : actual) {
            if (seen.add(a.rec)) first.add(a);
            else doubled++;
        }
        return first;
    }

    private void compare(int p, List<Wanted> wanted, List<Placed> actual, Writer pairs) throws Exception {
        int limit = in.path("prefix").asBoolean() ? Math.min(wanted.size(), actual.size()) : wanted.size();
        boolean same = actual.size() == limit;
        for (int i = 0; same && i < limit; i++) same = wanted.get(i).rec.equals(actual.get(i).rec);
        if (!same) {
            diagnose(p, wanted, actual, limit);
            return;
        }
        for (int i = 0; i < limit; i++) {
            Wanted w = wanted.get(i);
            pairs.write(p + " " + w.source + " " + actual.get(i).offset + " " + w.ordinal + "\n");
        }
    }

    /** The lists differ: count each record on both sides, then say what happened to the ones that do not match. */
    private void diagnose(int p, List<Wanted> wanted, List<Placed> actual, int limit) {
        long before = findings.size() + kinds.values().stream().mapToLong(Long::longValue).sum();
        Map<Expect.Rec, Integer> left = new HashMap<>();
        Map<String, Expect.Rec> byKey = new HashMap<>();
        for (Wanted w : wanted) {
            left.merge(w.rec, 1, Integer::sum);
            if (w.rec.key() != null) byKey.put(new String(w.rec.key(), StandardCharsets.ISO_8859_1), w.rec);
        }
        Set<Expect.Rec> known = new HashSet<>(left.keySet());
        Set<Expect.Rec> altered = new HashSet<>();
        for (Placed a : actual) {
            int rest = left.getOrDefault(a.rec, 0);
            if (rest > 0) {
                left.put(a.rec, rest - 1);
            } else if (known.contains(a.rec)) {
                doubled++;
                find("doubled", p, a.offset, "on the target once more");
            } else {
                Expect.Rec twin = a.rec.key() == null ? null : byKey.get(new String(a.rec.key(), StandardCharsets.ISO_8859_1));
                if (twin == null) find("alien", p, a.offset, "no source record has this key");
                else if (altered.add(twin)) find("altered", p, a.offset, difference(twin, a.rec));
                else find("doubled", p, a.offset, "an altered record once more");
            }
        }
        for (Wanted w : wanted.subList(0, limit)) {
            int rest = left.getOrDefault(w.rec, 0);
            if (rest > 0 && !altered.contains(w.rec)) {
                left.put(w.rec, rest - 1);
                find("lost", p, w.source, "source record is not on the target");
            }
        }
        long after = findings.size() + kinds.values().stream().mapToLong(Long::longValue).sum();
        if (before == after) find("reordered", p, -1, "same records, another order");
    }

    private static String difference(Expect.Rec wanted, Expect.Rec actual) {
        if (!Arrays.equals(wanted.value(), actual.value())) return "value";
        if (wanted.timestamp() != actual.timestamp()) return "timestamp";
        return "headers";
    }

    private void find(String kind, int partition, long offset, String what) {
        kinds.merge(kind, 1L, Long::sum);
        if (findings.size() < SHOWN) {
            findings.addObject().put("kind", kind).put("partition", partition).put("offset", offset).put("what", what);
        }
    }
}
