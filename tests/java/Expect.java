import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/**
 * What must become of a source record: the chain of steps once more, written from the description alone. Steps are
 * those of the configuration, as JSON: mask, filter, and the guests of the tests (guest-split drops each record and
 * emits it `copies` times, numbered by a header; guest-flood answers well; any other fails where `$.trigger` is "now").
 */
final class Expect {
    enum Outcome { PASSED, FILTERED, QUARANTINED }

    /** Records on the target, what the source record counts as, and how many of the records did not exist before. */
    record Result(Outcome outcome, List<Rec> records, int emitted) {}

    private static final class Reject extends Exception {
        private static final long serialVersionUID = 1L;
    }

    private final JsonNode steps;
    private final Map<String, byte[]> keys = new HashMap<>();
    private final Map<String, Selector> selectors = new HashMap<>();

    Expect(JsonNode in) {
        steps = in.path("steps");
        in.path("keys").properties().forEach(e -> keys.put(e.getKey(), HexFormat.of().parseHex(e.getValue().asText())));
    }

    Result of(Rec source) throws Exception {
        List<Rec> records = new ArrayList<>(List.of(source));
        boolean split = false;
        try {
            for (JsonNode step : steps) {
                List<Rec> next = new ArrayList<>();
                for (Rec r : records) {
                    Text doc = document(step, r.value());
                    switch (step.path("plugin").asText()) {
                        case "mask" -> {
                            Rec shown = allowList(step) ? r.withHeaders(listed(step, r.headers())) : r;
                            Rec keyed = shown.withKey(key(step, shown.key()));
                            next.add(doc == null ? keyed : keyed.withValue(mask(step, doc)));
                        }
                        case "filter" -> {
                            if (keeps(step, doc)) next.add(r);
                        }
                        case "guest-split" -> {
                            split = true;
                            for (int i = 0; i < step.path("copies").asInt(); i++) next.add(r.withHeader("copy", Integer.toString(i)));
                        }
                        case "guest-flood" -> next.add(r);
                        default -> {
                            if (doc != null && text(doc, "trigger").equals("now")) throw new Reject();
                            next.add(r);
                        }
                    }
                }
                records = next;
            }
        } catch (Reject e) {
            return new Result(Outcome.QUARANTINED, List.of(), 0);
        }
        if (records.isEmpty()) return new Result(Outcome.FILTERED, records, 0);
        // the client library cannot write these two: it puts the current time in their place
        if (source.timestamp() <= 0) return new Result(Outcome.QUARANTINED, List.of(), 0);
        // by source record: one that only its copies survive was dropped
        return split ? new Result(Outcome.FILTERED, records, records.size()) : new Result(Outcome.PASSED, records, 0);
    }

    /** Null for a tombstone, which has nothing to mask and no field to filter by. */
    private static Text document(JsonNode step, byte[] value) throws Reject {
        if (value == null) return null;
        try {
            return new Text(value);
        } catch (Text.NotJson e) {
            throw new Reject();
        }
    }

    private static boolean keeps(JsonNode step, Text doc) {
        JsonNode where = step.path("where");
        boolean absentKeeps = step.path("absent").asText().equals("keep");
        Boolean verdict = doc == null ? null : Condition.eval(where, doc);
        return verdict == null ? absentKeeps : verdict;
    }

    private Selector selector(String text) {
        return selectors.computeIfAbsent(text, Selector::new);
    }

    private static String text(Text doc, String name) {
        int i = doc.root.names.indexOf(name);
        return i < 0 ? "" : doc.root.children.get(i).text;
    }

    private static boolean allowList(JsonNode step) {
        return step.path("mode").asText("fields").equals("allow_list");
    }

    /** In an allow list headers count: only those named go on, in their order. */
    private static List<List<byte[]>> listed(JsonNode step, List<List<byte[]>> headers) {
        List<List<byte[]>> kept = new ArrayList<>();
        for (List<byte[]> h : headers) {
            for (JsonNode name : step.path("headers")) {
                if (Arrays.equals(h.get(0), name.asText().getBytes(StandardCharsets.UTF_8))) kept.add(h);
            }
        }
        return kept;
    }

    /** A key masked as a whole, whose text is what it is; a null one stays. */
    private byte[] key(JsonNode step, byte[] key) throws Exception {
        JsonNode rule = step.path("key");
        if (!rule.isObject() || key == null) return key;
        if (!rule.path("use").asText().equals("hmac")) throw new IllegalArgumentException("key operator " + rule);
        return Operators.token(rule, key, keys).getBytes(StandardCharsets.UTF_8);
    }

    private byte[] mask(JsonNode step, Text doc) throws Exception {
        String out = render(step, allowList(step), doc, doc.root, new ArrayList<>(), null, false);
        if (out == null) throw new Reject();
        // white space around the document stays too
        String whole = doc.source.substring(0, doc.root.start) + out + doc.source.substring(doc.root.end);
        return whole.getBytes(StandardCharsets.UTF_8);
    }

    /** The value's new text; null where it goes. */
    private String render(JsonNode step, boolean allowList, Text doc, Text.Node n, List<Object> path, JsonNode above, boolean keptAbove)
        throws Exception {
        JsonNode op = operator(step, path);
        if (op == null) op = above;
        boolean kept = keptAbove || any(step.path("keep"), path, false);
        if (!n.container()) {
            if (op != null) return Operators.apply(op, n, doc.raw(n), keys);
            return allowList && !kept ? null : doc.raw(n);
        }
        boolean leads = fieldLeads(step, path) || any(step.path("keep"), path, true) || path.isEmpty();
        if (allowList && op == null && !kept && !leads) return null;
        if (leads && n.kind == Text.Kind.OBJECT) refuseDuplicates(step, allowList, n, path);
        List<String> parts = new ArrayList<>();
        StringBuilder inPlace = new StringBuilder();
        int copied = n.start;
        for (int i = 0; i < n.children.size(); i++) {
            Text.Node child = n.children.get(i);
            boolean member = n.kind == Text.Kind.OBJECT;
            path.add(member ? (Object) n.names.get(i) : Integer.valueOf(i));
            String now = render(step, allowList, doc, child, path, op, kept);
            path.remove(path.size() - 1);
            if (now == null) continue;
            String name = member ? doc.source.substring(n.nameSpans.get(i)[0], n.nameSpans.get(i)[1]) + ":" : "";
            parts.add(name + now);
            inPlace.append(doc.source, copied, child.start).append(now);
            copied = child.end;
        }
        if (parts.size() == n.children.size()) return inPlace.append(doc.source, copied, n.end).toString();
        String joined = String.join(",", parts); // the generated documents are compact, so this is the one way
        return n.kind == Text.Kind.OBJECT ? "{" + joined + "}" : "[" + joined + "]";
    }

    private JsonNode operator(JsonNode step, List<Object> path) {
        JsonNode best = null;
        for (var e : step.path("fields").properties()) {
            Selector s = selector(e.getKey());
            if (s.selects(path) && (best == null || s.exact)) best = e.getValue();
        }
        return best;
    }

    private boolean fieldLeads(JsonNode step, List<Object> path) {
        for (var e : step.path("fields").properties()) {
            if (selector(e.getKey()).leads(path)) return true;
        }
        return false;
    }

    private boolean any(JsonNode list, List<Object> path, boolean leads) {
        for (JsonNode s : list) {
            Selector selector = selector(s.asText());
            if (leads ? selector.leads(path) : selector.selects(path)) return true;
        }
        return false;
    }

    /** A name that a selector follows may stand only once. */
    private void refuseDuplicates(JsonNode step, boolean allowList, Text.Node n, List<Object> path) throws Reject {
        for (int i = 0; i < n.names.size(); i++) {
            if (n.names.indexOf(n.names.get(i)) == i) continue;
            path.add(n.names.get(i));
            boolean followed = operator(step, path) != null || fieldLeads(step, path)
                || any(step.path("keep"), path, false) || any(step.path("keep"), path, true);
            path.remove(path.size() - 1);
            if (followed) throw new Reject();
        }
    }

    /** A record without its place: what two records must share to be the same. */
    record Rec(byte[] key, byte[] value, List<List<byte[]>> headers, long timestamp) {
        Rec withKey(byte[] now) {
            return new Rec(now, value, headers, timestamp);
        }

        Rec withValue(byte[] now) {
            return new Rec(key, now, headers, timestamp);
        }

        Rec withHeader(String name, String text) {
            List<List<byte[]>> more = new ArrayList<>(headers);
            more.add(List.of(name.getBytes(StandardCharsets.UTF_8), text.getBytes(StandardCharsets.UTF_8)));
            return withHeaders(more);
        }

        Rec withHeaders(List<List<byte[]>> now) {
            return new Rec(key, value, now, timestamp);
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Rec o && timestamp == o.timestamp && Arrays.equals(key, o.key) && Arrays.equals(value, o.value)
                && Arrays.deepEquals(flat(), o.flat());
        }

        @Override
        public int hashCode() {
            return Arrays.hashCode(key) * 31 + Arrays.hashCode(value) + Long.hashCode(timestamp);
        }

        private Object[] flat() {
            return headers.stream().map(List::toArray).toArray();
        }
    }
}
