import com.fasterxml.jackson.databind.JsonNode;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** Builds the Kafka clients of all commands, from the command's "bootstrap". Admin clients are kept. */
final class Clients {
    private static final ConcurrentHashMap<String, Admin> ADMINS = new ConcurrentHashMap<>();

    private Clients() {}

    static Admin admin(JsonNode in) {
        return ADMINS.computeIfAbsent(Tool.text(in, "bootstrap"), b -> {
            Properties p = new Properties();
            p.put("bootstrap.servers", b);
            p.put("metadata.max.age.ms", "1000");
            p.put("default.api.timeout.ms", "30000");
            return Admin.create(p);
        });
    }

    static KafkaConsumer<byte[], byte[]> consumer(String bootstrap, boolean committedOnly) {
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        p.put("isolation.level", committedOnly ? "read_committed" : "read_uncommitted");
        p.put("enable.auto.commit", "false");
        p.put("auto.offset.reset", "none");
        p.put("fetch.max.bytes", "33554432");
        p.put("max.partition.fetch.bytes", "8388608");
        p.put("max.poll.records", "5000");
        p.put("fetch.max.wait.ms", "10"); // closing waits for the fetch in flight
        return new KafkaConsumer<>(p, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    static KafkaProducer<byte[], byte[]> producer(String bootstrap, String transactionalId, int timeoutMs) {
        Properties p = new Properties();
        p.put("bootstrap.servers", bootstrap);
        p.put("acks", "all");
        p.put("linger.ms", "5");
        p.put("batch.size", "131072");
        p.put("max.request.size", "16777216");
        p.put("compression.type", "none");
        if (transactionalId != null) {
            p.put("transactional.id", transactionalId);
            p.put("transaction.timeout.ms", Integer.toString(timeoutMs));
        }
        return new KafkaProducer<>(p, new ByteArraySerializer(), new ByteArraySerializer());
    }
}
