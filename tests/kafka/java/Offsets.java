import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.Properties;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;

/**
 * Prints what a group has committed of a topic, as the release's own consumer reads it: partition, offset, metadata a line. Before
 * that it commits what it is told to: arguments after the hosts, the group and the topic are partition, offset and metadata.
 */
public final class Offsets {
  public static void main(String[] args) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", args[0]);
    properties.put("group.id", args[1]);
    properties.put("enable.auto.commit", "false");
    properties.put("key.deserializer", "org.apache.kafka.common.serialization.ByteArrayDeserializer");
    properties.put("value.deserializer", "org.apache.kafka.common.serialization.ByteArrayDeserializer");
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(properties)) {
      for (int i = 3; i + 2 < args.length; i += 3) {
        TopicPartition partition = new TopicPartition(args[2], Integer.parseInt(args[i]));
        OffsetAndMetadata offset = new OffsetAndMetadata(Long.parseLong(args[i + 1]), args[i + 2]);
        consumer.commitSync(Collections.singletonMap(partition, offset));
      }
      for (PartitionInfo each : consumer.partitionsFor(args[2])) {
        TopicPartition partition = new TopicPartition(args[2], each.partition());
        OffsetAndMetadata found = consumer.committed(Collections.singleton(partition)).get(partition); // since 2.4
        OffsetAndMetadata found = consumer.committed(partition); // until 2.4
        if (found == null) continue;
        StringBuilder out = new StringBuilder();
        out.append(each.partition()).append(' ').append(found.offset());
        Words.append(out, found.metadata().getBytes(StandardCharsets.UTF_8));
        System.out.println(out);
      }
    }
  }
}
