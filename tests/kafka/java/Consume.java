import java.nio.charset.StandardCharsets;
import java.time.Duration; // since 2.0
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header; // since 0.11

/**
 * Prints what a topic holds, from its beginning to where it ends at the start, as the release's own consumer reads it.
 * A line: partition, offset, timestamp, key, value, and a name and a value for each header. Arguments: the hosts, the topic,
 * then settings of the consumer as name=value.
 */
public final class Consume {
  public static void main(String[] args) {
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(properties(args))) {
      List<TopicPartition> partitions = new ArrayList<>();
      for (PartitionInfo each : consumer.partitionsFor(args[1])) {
        partitions.add(new TopicPartition(args[1], each.partition()));
      }
      consumer.assign(partitions);
      Map<TopicPartition, Long> ends = new HashMap<>();
      consumer.seekToEnd(partitions); // since 0.10
      consumer.seekToEnd(partitions.toArray(new TopicPartition[0])); // until 0.10
      for (TopicPartition each : partitions) ends.put(each, consumer.position(each));
      consumer.seekToBeginning(partitions); // since 0.10
      consumer.seekToBeginning(partitions.toArray(new TopicPartition[0])); // until 0.10
      StringBuilder out = new StringBuilder();
      while (!reached(consumer, ends)) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) { // since 2.0
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(100)) { // until 2.0
          print(out, record);
        }
        System.out.print(out);
        out.setLength(0);
      }
      System.out.flush();
    }
  }

  private static boolean reached(KafkaConsumer<byte[], byte[]> consumer, Map<TopicPartition, Long> ends) {
    for (Map.Entry<TopicPartition, Long> end : ends.entrySet()) {
      if (consumer.position(end.getKey()) < end.getValue()) return false;
    }
    return true;
  }

  private static void print(StringBuilder out, ConsumerRecord<byte[], byte[]> record) {
    out.append(record.partition()).append(' ').append(record.offset());
    out.append(' ').append(record.timestamp()); // since 0.10
    out.append(" -"); // until 0.10
    Words.append(out, record.key());
    Words.append(out, record.value());
    for (Header header : record.headers()) { // since 0.11
      Words.append(out, header.key().getBytes(StandardCharsets.UTF_8)); // since 0.11
      Words.append(out, header.value()); // since 0.11
    } // since 0.11
    out.append('\n');
  }

  private static Properties properties(String[] args) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", args[0]);
    properties.put("enable.auto.commit", "false");
    properties.put("key.deserializer", "org.apache.kafka.common.serialization.ByteArrayDeserializer");
    properties.put("value.deserializer", "org.apache.kafka.common.serialization.ByteArrayDeserializer");
    for (int i = 2; i < args.length; i++) {
      int at = args[i].indexOf('=');
      properties.put(args[i].substring(0, at), args[i].substring(at + 1));
    }
    return properties;
  }
}
