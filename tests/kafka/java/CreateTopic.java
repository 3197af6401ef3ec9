import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.NewTopic;

/** Makes a topic. Arguments: the hosts, its name, its partitions, its replication factor, then its settings as name=value. */
public final class CreateTopic {
  public static void main(String[] args) throws Exception {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", args[0]);
    Map<String, String> settings = new HashMap<>();
    for (int i = 4; i < args.length; i++) {
      int at = args[i].indexOf('=');
      settings.put(args[i].substring(0, at), args[i].substring(at + 1));
    }
    NewTopic topic = new NewTopic(args[1], Integer.parseInt(args[2]), Short.parseShort(args[3])).configs(settings);
    try (AdminClient admin = AdminClient.create(properties)) {
      admin.createTopics(Collections.singletonList(topic)).all().get();
    }
  }
}
