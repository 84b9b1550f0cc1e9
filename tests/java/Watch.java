import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.FenceProducersOptions;
import org.apache.kafka.clients.admin.ScramCredentialInfo;
import org.apache.kafka.clients.admin.ScramMechanism;
import org.apache.kafka.clients.admin.UserScramCredentialUpsertion;
import org.apache.kafka.clients.admin.UserScramCredentialAlteration;

/** Commands that look at transactions and groups, and set SCRAM users. What the brokers say, nobody else. */
final class Watch {
    private Watch() {}

    static void register(Map<String, Tool.Command> to) {
        to.put("transactions", Watch::transactions);
        to.put("fence", (in, out) -> Clients.admin(in)
            .fenceProducers(List.of(Tool.text(in, "transactional_id")), new FenceProducersOptions()).all().get());
        to.put("group", Watch::group);
        to.put("scram_user", Watch::scram);
    }

    /** Transactions by prefix of their id; each with state, producer id and epoch, start time and partitions. */
    private static void transactions(JsonNode in, ObjectNode out) throws Exception {
        Admin admin = Clients.admin(in);
        String prefix = Tool.text(in, "prefix");
        ArrayNode list = out.putArray("transactions");
        List<String> ids = new ArrayList<>();
        for (var t : admin.listTransactions().all().get()) {
            if (t.transactionalId().startsWith(prefix)) ids.add(t.transactionalId());
        }
        for (String id : ids) {
            var d = admin.describeTransactions(List.of(id)).description(id).get();
            ObjectNode o = list.addObject().put("id", id).put("state", d.state().toString())
                .put("producer_id", d.producerId()).put("epoch", d.producerEpoch())
                .put("timeout_ms", d.transactionTimeoutMs());
            if (d.transactionStartTimeMs().isPresent()) o.put("started_ms", d.transactionStartTimeMs().getAsLong());
            ArrayNode partitions = o.putArray("partitions");
            d.topicPartitions().forEach(tp -> partitions.add(tp.toString()));
        }
    }

    /** Members of a group with the partitions they own. */
    private static void group(JsonNode in, ObjectNode out) throws Exception {
        String group = Tool.text(in, "group");
        ArrayNode members = out.putArray("members");
        org.apache.kafka.clients.admin.ConsumerGroupDescription d;
        try {
            d = Clients.admin(in).describeConsumerGroups(List.of(group)).all().get().get(group);
        } catch (java.util.concurrent.ExecutionException e) {
            if (!(e.getCause() instanceof org.apache.kafka.common.errors.GroupIdNotFoundException)) throw e;
            out.put("state", "Dead");
            return;
        }
        out.put("state", d.groupState().toString());
        d.members().forEach(m -> {
            ArrayNode owns = members.addObject().put("id", m.consumerId()).put("client", m.clientId()).putArray("partitions");
            m.assignment().topicPartitions().forEach(tp -> owns.add(tp.partition()));
        });
    }

    private static void scram(JsonNode in, ObjectNode out) throws Exception {
        List<UserScramCredentialAlteration> all = new ArrayList<>();
        for (ScramMechanism m : List.of(ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512)) {
            all.add(new UserScramCredentialUpsertion(Tool.text(in, "user"), new ScramCredentialInfo(m, 4096), Tool.text(in, "password")));
        }
        Clients.admin(in).alterUserScramCredentials(all).all().get();
    }
}
