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
        Boolean result = Boolean.TRUE; // several operators in a leaf must all hold, each by itself
        for (var e : c.properties()) {
            String op = e.getKey();
            if (op.equals("field")) continue;
            boolean all = op.equals("ne") || op.equals("not_in");
            boolean one = all ? found.stream().allMatch(n -> holds(op, e.getValue(), n)) : found.stream().anyMatch(n -> holds(op, e.getValue(), n));
            if (!one) result = Boolean.FALSE;
        }
        return result;
    }

    private static void collect(Text.Node n, List<Object> path, Selector selector, List<Text.Node> found) {
        if (selector.selects(path)) found.add(n);
        for (int i = 0; i < n.children.size(); i++) {
            path.add(n.kind == Text.Kind.OBJECT ? (Object) n.names.get(i) : Integer.valueOf(i));
            collect(n.children.get(i), path, selector, found);
            path.remove(path.size() - 1);
        }
    }

    private static boolean holds(String op, JsonNode operand, Text.Node n) {
        if (n.container()) return false;
        return switch (op) {
            case "eq" -> compare(n, operand) == 0;
            case "ne" -> compare(n, operand) != 0;
            case "in" -> among(n, operand);
            case "not_in" -> !among(n, operand);
            case "lt" -> compare(n, operand) == -1;
            case "gt" -> compare(n, operand) == 1;
            case "le" -> compare(n, operand) <= 0;
            case "ge" -> compare(n, operand) >= 0 && compare(n, operand) < 2;
            case "matches" -> n.kind == Text.Kind.STRING && Pattern.compile(operand.asText()).matcher(n.text).find();
            default -> throw new IllegalArgumentException("condition " + op);
        };
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
