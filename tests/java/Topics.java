import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.DeletedRecords;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;

/** Commands on topics: create, delete, grow, settings, ends. They wait until the change is visible. */
final class Topics {
    private Topics() {}

    static void register(Map<String, Tool.Command> to) {
        to.put("create_topic", Topics::create);
        to.put("delete_topic", (in, out) -> Clients.admin(in).deleteTopics(List.of(Tool.text(in, "topic"))).all().get());
        to.put("add_partitions", Topics::grow);
        to.put("topics", (in, out) -> {
            var names = out.putArray("topics");
            Clients.admin(in).listTopics().names().get().stream().sorted().forEach(names::add);
        });
        to.put("describe_topic", Topics::describe);
        to.put("alter_config", Topics::alter);
        to.put("delete_records", Topics::deleteRecords);
        to.put("ends", (in, out) -> {
            var list = out.putArray("ends");
            boolean committed = in.path("committed").asBoolean(true);
            ends(Clients.admin(in), Tool.text(in, "topic"), committed).values().forEach(list::add);
        });
    }

    private static void create(JsonNode in, ObjectNode out) throws Exception {
        Admin admin = Clients.admin(in);
        String topic = Tool.text(in, "topic");
        int partitions = in.path("partitions").asInt(1);
        Map<String, String> config = new HashMap<>();
        in.path("config").properties().forEach(e -> config.put(e.getKey(), e.getValue().asText()));
        admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1).configs(config))).all().get();
        awaitPartitions(admin, topic, partitions);
    }

    private static void grow(JsonNode in, ObjectNode out) throws Exception {
        Admin admin = Clients.admin(in);
        String topic = Tool.text(in, "topic");
        int total = in.path("partitions").asInt();
        admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(total))).all().get();
        awaitPartitions(admin, topic, total);
    }

    private static void awaitPartitions(Admin admin, String topic, int partitions) throws Exception {
        long deadline = System.currentTimeMillis() + 30_000;
        while (true) {
            try {
                if (ends(admin, topic, false).size() >= partitions) return;
            } catch (java.util.concurrent.ExecutionException e) {
                if (System.currentTimeMillis() > deadline) throw e;
            }
            if (System.currentTimeMillis() > deadline) throw new IllegalStateException("topic " + topic + " did not appear");
            Thread.sleep(50);
        }
    }

    private static void describe(JsonNode in, ObjectNode out) throws Exception {
        Admin admin = Clients.admin(in);
        String topic = Tool.text(in, "topic");
        var d = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
        out.put("partitions", d.partitions().size()).put("topic_id", d.topicId().toString());
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
        ObjectNode config = out.putObject("config");
        for (ConfigEntry e : admin.describeConfigs(List.of(resource)).all().get().get(resource).entries()) {
            config.put(e.name(), e.value());
        }
    }

    private static void alter(JsonNode in, ObjectNode out) throws Exception {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, Tool.text(in, "topic"));
        List<AlterConfigOp> ops = new ArrayList<>();
        in.path("config").properties().forEach(e ->
            ops.add(new AlterConfigOp(new ConfigEntry(e.getKey(), e.getValue().asText()), AlterConfigOp.OpType.SET)));
        Clients.admin(in).incrementalAlterConfigs(Map.of(resource, ops)).all().get();
    }

    private static void deleteRecords(JsonNode in, ObjectNode out) throws Exception {
        TopicPartition tp = new TopicPartition(Tool.text(in, "topic"), in.path("partition").asInt());
        Map<TopicPartition, org.apache.kafka.common.KafkaFuture<DeletedRecords>> done =
            Clients.admin(in).deleteRecords(Map.of(tp, RecordsToDelete.beforeOffset(in.path("before").asLong()))).lowWatermarks();
        out.put("start", done.get(tp).get().lowWatermark());
    }

    /** End offset of each partition, in order: the last stable offset, or the high watermark. */
    static TreeMap<Integer, Long> ends(Admin admin, String topic, boolean committed) throws Exception {
        Map<TopicPartition, OffsetSpec> ask = new HashMap<>();
        for (var p : admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions()) {
            ask.put(new TopicPartition(topic, p.partition()), OffsetSpec.latest());
        }
        var level = committed ? IsolationLevel.READ_COMMITTED : IsolationLevel.READ_UNCOMMITTED;
        TreeMap<Integer, Long> ends = new TreeMap<>();
        admin.listOffsets(ask, new ListOffsetsOptions(level)).all().get()
            .forEach((tp, info) -> ends.put(tp.partition(), info.offset()));
        return ends;
    }
}
