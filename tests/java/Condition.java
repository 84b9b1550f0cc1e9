import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** A filter's condition once more: TRUE keeps; null (a field is missing) keeps only where the step says so. */
final class Condition {
    private Condition() {}

    static Boolean eval(JsonNode c, Text doc) {
        if (c.has("all")) {
            Boolean result = Boolean.TRUE;
            for (JsonNode part : c.get("all")) {
                Boolean b = eval(part, doc);
                if (Boolean.FALSE.equals(b)) return Boolean.FALSE;
                if (b == null) result = null;
            }
            return result;
        }
        if (c.has("any")) {
            Boolean result = Boolean.FALSE;
            for (JsonNode part : c.get("any")) {
                Boolean b = eval(part, doc);
                if (Boolean.TRUE.equals(b)) return Boolean.TRUE;
                if (b == null) result = null;
            }
            return result;
        }
        if (c.has("not")) {
            Boolean b = eval(c.get("not"), doc);
            return b == null ? null : Boolean.valueOf(!b);
        }
        List<Text.Node> found = new ArrayList<>();
        collect(doc.root, new ArrayList<>(), new Selector(c.get("field").asText()), found);
        if (c.has("exists")) return c.get("exists").asBoolean() != found.isEmpty();
        if (found.isEmpty()) return null;
        return found.stream().anyMatch(n -> holds(c, n));
    }

    private static void collect(Text.Node n, List<Object> path, Selector selector, List<Text.Node> found) {
        if (selector.selects(path)) found.add(n);
        for (int i = 0; i < n.children.size(); i++) {
            path.add(n.kind == Text.Kind.OBJECT ? (Object) n.names.get(i) : Integer.valueOf(i));
            collect(n.children.get(i), path, selector, found);
            path.remove(path.size() - 1);
        }
    }

    private static boolean holds(JsonNode c, Text.Node n) {
        if (c.has("eq")) return compare(n, c.get("eq")) == 0;
        if (c.has("ne")) return compare(n, c.get("ne")) != 0;
        if (c.has("in")) return among(n, c.get("in"));
        if (c.has("not_in")) return !among(n, c.get("not_in"));
        if (c.has("lt")) return compare(n, c.get("lt")) == -1;
        if (c.has("gt")) return compare(n, c.get("gt")) == 1;
        if (c.has("le")) return Math.abs(compare(n, c.get("le"))) < 2 && compare(n, c.get("le")) <= 0;
        if (c.has("ge")) return Math.abs(compare(n, c.get("ge"))) < 2 && compare(n, c.get("ge")) >= 0;
        if (c.has("matches")) return n.kind == Text.Kind.STRING && Pattern.compile(c.get("matches").asText()).matcher(n.text).find();
        throw new IllegalArgumentException("condition " + c);
    }

    private static boolean among(Text.Node n, JsonNode set) {
        for (JsonNode v : set) {
            if (compare(n, v) == 0) return true;
        }
        return false;
    }

    /** -1, 0, 1; 2 where the two are of different kinds and so neither less, equal nor greater. */
    private static int compare(Text.Node n, JsonNode v) {
        if (n.kind == Text.Kind.NUMBER && v.isNumber()) return Integer.signum(new BigDecimal(n.text).compareTo(v.decimalValue()));
        if (n.kind == Text.Kind.STRING && v.isTextual()) return Integer.signum(n.text.compareTo(v.asText()));
        if (n.kind == Text.Kind.BOOLEAN && v.isBoolean()) return n.text.equals(v.asText()) ? 0 : 2;
        return n.kind == Text.Kind.NULL && v.isNull() ? 0 : 2;
    }
}
