import java.util.ArrayList;
import java.util.List;

/** One selector: names, indexes, wildcards and descendants. A path is a list of names (String) and indexes (Integer). */
final class Selector {
    private static final Object ANY = new Object();

    private record Segment(Object step, boolean descendant) {}

    private final List<Segment> segments = new ArrayList<>();
    final boolean exact;

    Selector(String text) {
        if (!text.startsWith("$")) throw new IllegalArgumentException("selector " + text);
        int i = 1;
        while (i < text.length()) {
            boolean descendant = text.startsWith("..", i);
            if (text.charAt(i) == '.') i += descendant ? 2 : 1;
            int end;
            Object step;
            if (text.charAt(i) == '[') {
                end = text.indexOf(']', i) + 1;
                String inner = text.substring(i + 1, end - 1);
                step = inner.equals("*") ? ANY
                    : inner.startsWith("'") || inner.startsWith("\"") ? (Object) inner.substring(1, inner.length() - 1) : Integer.valueOf(inner);
            } else {
                end = i;
                while (end < text.length() && ".[".indexOf(text.charAt(end)) < 0) end++;
                String name = text.substring(i, end);
                step = name.equals("*") ? ANY : name;
            }
            segments.add(new Segment(step, descendant));
            i = end;
        }
        exact = segments.stream().noneMatch(s -> s.descendant || s.step == ANY);
    }

    /** Does it select the value at this path? */
    boolean selects(List<Object> path) {
        return walk(path, 0, 0, false);
    }

    /** Could it select something below this path? */
    boolean leads(List<Object> path) {
        return walk(path, 0, 0, true);
    }

    private boolean walk(List<Object> path, int i, int j, boolean below) {
        if (i == segments.size()) return !below && j == path.size();
        Segment s = segments.get(i);
        if (j == path.size()) return below;
        for (int k = j; k < (s.descendant ? path.size() : j + 1); k++) {
            if ((s.step == ANY || s.step.equals(path.get(k))) && walk(path, i + 1, k + 1, below)) return true;
        }
        return below && s.descendant;
    }
}
