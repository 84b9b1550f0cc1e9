import com.fasterxml.jackson.databind.JsonNode;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Map;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** The mask's operators once more, written from their description alone. A value in, JSON text out; null removes. */
final class Operators {
    private Operators() {}

    static String apply(JsonNode settings, Text.Node value, String raw, Map<String, byte[]> keys) throws Exception {
        String use = settings.path("use").asText();
        boolean text = value.kind == Text.Kind.STRING;
        switch (use) {
            case "redact":
                return text ? "\"[redacted]\"" : "null";
            case "null":
                return "null";
            case "replace":
                return settings.get("value").toString();
            case "remove":
                return null;
            default:
        }
        if (value.kind == Text.Kind.NULL) return raw; // nothing to mask
        // the number of letters of a boolean would tell which one it is
        if (value.kind == Text.Kind.BOOLEAN && !use.equals("hmac") && !use.equals("date_trunc")) return "null";
        switch (use) {
            case "keep_first":
                return quote(keep(value.text, settings.path("n").asInt(4), true));
            case "keep_last":
                return quote(keep(value.text, settings.path("n").asInt(4), false));
            case "email":
                int at = value.text.lastIndexOf('@');
                boolean address = at > 0 && value.text.substring(at + 1).matches("[A-Za-z0-9._-]+");
                return quote(address ? keep(value.text.substring(0, at), 1, true) + value.text.substring(at) : keep(value.text, 0, true));
            case "hmac":
                return quote(token(settings, value.text.getBytes(StandardCharsets.UTF_8), keys));
            case "date_trunc":
                return truncate(value, settings.path("to").asText());
            default:
                throw new IllegalArgumentException("operator " + use);
        }
    }

    private static String keep(String text, int n, boolean first) {
        int[] scalars = text.codePoints().toArray();
        StringBuilder b = new StringBuilder();
        for (int i = 0; i < scalars.length; i++) {
            boolean clear = scalars.length > n && (first ? i < n : i >= scalars.length - n);
            b.appendCodePoint(clear ? scalars[i] : '*');
        }
        return b.toString();
    }

    private static byte[] mac(byte[] key, byte[] data) throws Exception {
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        return mac.doFinal(data);
    }

    /** RFC 5869 with an empty salt (a block of zeros) and one block of output, then HMAC under the derived key. */
    static String token(JsonNode settings, byte[] value, Map<String, byte[]> keys) throws Exception {
        byte[] key = keys.get(settings.path("key").asText());
        String domain = settings.path("domain").asText("default");
        byte[] prk = mac(new byte[32], key);
        byte[] info = ("sluice/hmac/" + domain).getBytes(StandardCharsets.UTF_8);
        byte[] block = Arrays.copyOf(info, info.length + 1);
        block[info.length] = 1;
        byte[] derived = mac(prk, block);
        return HexFormat.of().formatHex(mac(derived, value), 0, 16);
    }

    private static String truncate(Text.Node value, String to) {
        if (value.kind == Text.Kind.NUMBER) {
            OffsetDateTime t = Instant.ofEpochMilli(new BigInteger(value.text).longValueExact()).atOffset(ZoneOffset.UTC);
            return Long.toString(floor(t, to).toInstant().toEpochMilli());
        }
        OffsetDateTime t = floor(OffsetDateTime.parse(value.text), to);
        String offset = t.getOffset().equals(ZoneOffset.UTC) && value.text.endsWith("Z") ? "Z" : value.text.substring(value.text.length() - 6);
        return quote(String.format("%04d-%02d-%02dT%02d:00:00%s", t.getYear(), t.getMonthValue(), t.getDayOfMonth(), t.getHour(), offset));
    }

    private static OffsetDateTime floor(OffsetDateTime t, String to) {
        return switch (to) {
            case "hour" -> t.truncatedTo(ChronoUnit.HOURS);
            case "day" -> t.truncatedTo(ChronoUnit.DAYS);
            case "month" -> t.truncatedTo(ChronoUnit.DAYS).withDayOfMonth(1);
            case "year" -> t.truncatedTo(ChronoUnit.DAYS).withDayOfYear(1);
            default -> throw new IllegalArgumentException("date_trunc to " + to);
        };
    }

    private static String quote(String s) {
        StringBuilder b = new StringBuilder("\"");
        for (char c : s.toCharArray()) {
            if (c == '"' || c == '\\') b.append('\\').append(c);
            else if (c < 0x20) b.append(String.format("\\u%04x", (int) c));
            else b.append(c);
        }
        return b.append('"').toString();
    }
}
