import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** A JSON text as a tree that remembers where each value stands, so that all else can stay as it is. */
final class Text {
    enum Kind { NULL, BOOLEAN, NUMBER, STRING, OBJECT, ARRAY }

    /** A value at source[start, end); members have names (and where those stand), elements none. */
    static final class Node {
        Kind kind;
        int start;
        int end;
        String text; // strings resolved, numbers and literals as written
        final List<String> names = new ArrayList<>();
        final List<int[]> nameSpans = new ArrayList<>();
        final List<Node> children = new ArrayList<>();

        boolean container() {
            return kind == Kind.OBJECT || kind == Kind.ARRAY;
        }
    }

    /** What is not UTF-8 or not one JSON value. */
    static final class NotJson extends Exception {
        private static final long serialVersionUID = 1L;

        NotJson(Throwable cause) {
            super(cause);
        }
    }

    final String source;
    final Node root;

    Text(byte[] bytes) throws NotJson {
        try {
            source = StandardCharsets.UTF_8.newDecoder().onMalformedInput(CodingErrorAction.REPORT)
                .onUnmappableCharacter(CodingErrorAction.REPORT).decode(ByteBuffer.wrap(bytes)).toString();
            try (JsonParser p = Tool.JSON.getFactory().createParser(source)) {
                root = node(p, p.nextToken());
                if (p.nextToken() != null) throw new NotJson(null);
            }
        } catch (CharacterCodingException e) {
            throw new NotJson(e);
        } catch (IOException e) {
            throw new NotJson(e);
        }
    }

    /** Where the next token stands at the earliest; Jackson's own locations go wrong after some white space. */
    private int cursor;

    private Node node(JsonParser p, JsonToken token) throws IOException, NotJson {
        if (token == null) throw new NotJson(null);
        Node n = new Node();
        n.start = skip();
        switch (token) {
            case START_OBJECT -> {
                n.kind = Kind.OBJECT;
                cursor = n.start + 1;
                while (p.nextToken() != JsonToken.END_OBJECT) {
                    int at = skip();
                    cursor = endOfString(at);
                    n.names.add(p.currentName());
                    n.nameSpans.add(new int[] {at, cursor});
                    n.children.add(node(p, p.nextToken()));
                }
                n.end = skip() + 1;
            }
            case START_ARRAY -> {
                n.kind = Kind.ARRAY;
                cursor = n.start + 1;
                for (JsonToken t; (t = p.nextToken()) != JsonToken.END_ARRAY; ) n.children.add(node(p, t));
                n.end = skip() + 1;
            }
            case VALUE_STRING -> {
                n.kind = Kind.STRING;
                n.text = p.getText();
                n.end = endOfString(n.start);
            }
            default -> {
                n.kind = token == JsonToken.VALUE_NULL ? Kind.NULL : token.isBoolean() ? Kind.BOOLEAN : Kind.NUMBER;
                n.text = p.getText();
                n.end = n.start + n.text.length();
            }
        }
        cursor = n.end;
        return n;
    }

    /** The first character at or after the cursor that is neither white space, comma nor colon. */
    private int skip() {
        int at = cursor;
        while (" \t\r\n,:".indexOf(source.charAt(at)) >= 0) at++;
        return at;
    }

    private int endOfString(int start) {
        int i = start + 1;
        while (source.charAt(i) != '"') i += source.charAt(i) == '\\' ? 2 : 1;
        return i + 1;
    }

    String raw(Node n) {
        return source.substring(n.start, n.end);
    }
}
