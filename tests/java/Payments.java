import com.fasterxml.jackson.databind.JsonNode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;

/**
 * The tests' data: payments in compact JSON, the same for the same seed and number. Every personal field holds
 * "CANARY-" and 16 hex digits, every card number starts with 4999015723, so that one search finds a leak;
 * ten digits, as six stand in the tokens of a million records by chance.
 * Settings: "seed", "broken_every" (that record is no JSON), "odd" (personal text where an object is expected),
 * "trigger_at" (the record whose trigger is "now", which guests misbehave on), "pad" (extra bytes).
 */
final class Payments {
    private static final String[] STATUS = {"ok", "ok", "paid", "test", "ok", "void", "settled"};
    private static final String[] NAMES = {"Zoë", "José", "Ana", "Łukasz", "李雷", "O'Hara \\\"Bo\\\""};
    private static final String CARD = "4999015723";
    private static final long EPOCH = 1_700_000_000_000L;

    private final long seed;
    private final long brokenEvery;
    private final boolean odd;
    private final long triggerAt;
    private final String pad;

    Payments(JsonNode in) {
        seed = in.path("seed").asLong(1);
        brokenEvery = in.path("broken_every").asLong(0);
        odd = in.path("odd").asBoolean();
        triggerAt = in.path("trigger_at").asLong(-1);
        pad = "x".repeat(in.path("pad").asInt(0));
    }

    ProducerRecord<byte[], byte[]> record(String topic, int partition, long n) {
        List<Header> headers = new ArrayList<>();
        headers.add(new RecordHeader("seq", bytes(Long.toString(n))));
        if (n % 5 == 0) headers.add(new RecordHeader("trace", null));
        if (n % 7 == 0) headers.add(new RecordHeader("seq", new byte[0]));
        return new ProducerRecord<>(topic, partition, EPOCH + n, bytes("k-" + n), bytes(value(n)), headers);
    }

    private String value(long n) {
        SplittableRandom random = new SplittableRandom(seed * 1_000_003 + n);
        if (brokenEvery > 0 && n % brokenEvery == brokenEvery - 1) {
            return "{\"seq\":" + n + ",\"customer\":{\"name\":\"" + canary(random) + "\"";
        }
        StringBuilder b = new StringBuilder(400);
        b.append("{\"seq\":").append(n).append(",\"id\":\"o-").append(Long.toHexString(random.nextLong())).append('"');
        customer(b, random, n);
        if (n % 11 != 3) {
            String pan = CARD + String.format("%06d", random.nextLong(1_000_000));
            b.append(",\"card\":{\"pan\":").append(n % 97 == 5 ? "null" : '"' + pan + '"').append(",\"scheme\":\"visa\"}");
        }
        b.append(",\"amount\":");
        if (n % 29 == 7) b.append('-');
        b.append(random.nextInt(5000)).append('.').append(n % 10).append('0');
        b.append(",\"big\":9007199254740993").append(n % 1000);
        if (n % 61 != 9) b.append(",\"status\":\"").append(STATUS[(int) (n % STATUS.length)]).append('"');
        b.append(",\"made\":\"20").append(10 + random.nextInt(20)).append("-0").append(1 + random.nextInt(9)).append("-1")
            .append(random.nextInt(10)).append("T0").append(random.nextInt(10)).append(":1").append(random.nextInt(10)).append(":07Z\"");
        b.append(",\"items\":[");
        int items = (int) (n / 5 % 4); // varies within a partition
        for (int i = 0; i < items; i++) {
            if (i > 0) b.append(',');
            b.append("{\"sku\":\"s").append(i).append('"');
            if (i != 2) b.append(",\"note\":\"").append(canary(random)).append("\\n\\u00e9\"");
            b.append('}');
        }
        b.append("],\"trigger\":\"").append(n == triggerAt ? "now" : "none").append('"');
        b.append(",\"extra\":{\"secret\":\"").append(canary(random)).append("\",\"pad\":\"").append(pad).append("\"}}");
        return b.toString();
    }

    private void customer(StringBuilder b, SplittableRandom random, long n) {
        if (odd && n % 83 == 11) {
            b.append(",\"customer\":\"").append(canary(random)).append('"');
        } else if (n % 13 != 4) {
            b.append(",\"customer\":{\"name\":\"").append(NAMES[(int) (n % NAMES.length)]).append(' ').append(canary(random)).append('"');
            if (n % 17 != 2) b.append(",\"email\":\"").append(canary(random)).append("@example.com\"");
            b.append('}');
        }
    }

    private static String canary(SplittableRandom random) {
        return String.format("CANARY-%016x", random.nextLong());
    }

    private static byte[] bytes(String s) {
        return s.getBytes(StandardCharsets.UTF_8);
    }
}
