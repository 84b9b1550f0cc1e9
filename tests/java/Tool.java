import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * The tests' hands and eyes on Kafka, one process for all of them: reads one JSON command a line from stdin,
 * {"id":1,"cmd":"…",…}, and answers each with one line, {"id":1,…} or {"id":1,"error":"…"}, in the order they finish.
 * Knows nothing of Sluice but the rules that the checker is handed.
 */
public final class Tool {
    static final ObjectMapper JSON = new ObjectMapper();

    /** One command: reads its arguments, fills the answer. */
    interface Command {
        void run(JsonNode in, ObjectNode out) throws Exception;
    }

    private static final Map<String, Command> COMMANDS = new TreeMap<>();

    static {
        COMMANDS.put("ping", (in, out) -> out.put("ok", true));
        Topics.register(COMMANDS);
        Watch.register(COMMANDS);
        Produce.register(COMMANDS);
        Rights.register(COMMANDS);
        COMMANDS.put("produce_raw", RawProduce::run);
        COMMANDS.put("dump", Dump::dump);
        COMMANDS.put("grep", Dump::grep);
        COMMANDS.put("check", Checker::check);
        COMMANDS.put("reference_copy", ReferenceCopy::run);
    }

    private Tool() {}

    public static void main(String[] args) throws Exception {
        PrintStream answers = System.out;
        System.setOut(System.err); // nothing but answers on stdout
        ExecutorService pool = Executors.newCachedThreadPool();
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = lines.readLine()) != null; ) {
            JsonNode in = JSON.readTree(line);
            pool.execute(() -> {
                ObjectNode out = answer(in);
                byte[] text = (out + "\n").getBytes(StandardCharsets.UTF_8);
                synchronized (answers) {
                    answers.write(text, 0, text.length);
                    answers.flush();
                }
            });
        }
        System.exit(0); // stdin closed: the tests are gone, whatever still runs is of no use
    }

    private static ObjectNode answer(JsonNode in) {
        ObjectNode out = JSON.createObjectNode();
        out.set("id", in.path("id"));
        String name = in.path("cmd").asText();
        Command command = COMMANDS.get(name);
        if (command == null) {
            return out.put("error", "no such command: " + name);
        }
        try {
            command.run(in, out);
        } catch (Throwable e) {
            Throwable cause = e instanceof java.util.concurrent.ExecutionException && e.getCause() != null ? e.getCause() : e;
            out.put("error", name + ": " + cause);
            if (!(cause instanceof org.apache.kafka.common.errors.ApiException)) cause.printStackTrace(); // not the brokers' answer
        }
        return out;
    }

    static String text(JsonNode in, String name) {
        JsonNode v = in.path(name);
        if (!v.isTextual()) throw new IllegalArgumentException("argument " + name + " is missing");
        return v.asText();
    }
}
