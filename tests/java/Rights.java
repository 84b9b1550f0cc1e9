import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/** Commands on access rights. Names are those of Kafka's own enumerations. */
final class Rights {
    private Rights() {}

    static void register(Map<String, Tool.Command> to) {
        to.put("grant", (in, out) -> Clients.admin(in).createAcls(bindings(in)).all().get());
        to.put("revoke", Rights::revoke);
    }

    private static void revoke(JsonNode in, ObjectNode out) throws Exception {
        Admin admin = Clients.admin(in);
        admin.deleteAcls(bindings(in).stream().map(AclBinding::toFilter).toList()).all().get();
    }

    /** "user" and "rights": [[type, pattern, name, operation, permission]]. */
    private static List<AclBinding> bindings(JsonNode in) {
        List<AclBinding> bindings = new ArrayList<>();
        for (JsonNode r : in.path("rights")) {
            var pattern = new ResourcePattern(ResourceType.valueOf(r.get(0).asText()), r.get(2).asText(),
                PatternType.valueOf(r.get(1).asText()));
            var entry = new AccessControlEntry("User:" + Tool.text(in, "user"), "*",
                AclOperation.valueOf(r.get(3).asText()), AclPermissionType.valueOf(r.get(4).asText()));
            bindings.add(new AclBinding(pattern, entry));
        }
        return bindings;
    }
}
