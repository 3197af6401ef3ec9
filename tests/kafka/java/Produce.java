import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.header.Header; // since 0.11
import org.apache.kafka.common.header.internals.RecordHeader; // since 0.11

/**
 * Writes what standard input describes with the release's own producer, and prints partition and offset of each record.
 * A line: compression, topic, partition, timestamp, key, value, and a name and a value for each header. Arguments: the hosts,
 * then settings of the producer as name=value.
 */
public final class Produce {
  private static final Map<String, KafkaProducer<byte[], byte[]>> producers = new HashMap<>();

  public static void main(String[] args) throws Exception {
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
    List<Future<RecordMetadata>> sent = new ArrayList<>();
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      String[] words = line.split(" ");
      KafkaProducer<byte[], byte[]> producer = producers.get(words[0]);
      if (producer == null) producers.put(words[0], producer = producer(words[0], args));
      sent.add(producer.send(record(words)));
    }
    StringBuilder out = new StringBuilder();
    for (Future<RecordMetadata> each : sent) {
      RecordMetadata where = each.get();
      out.append(where.partition()).append(' ').append(where.offset()).append('\n');
    }
    for (KafkaProducer<byte[], byte[]> producer : producers.values()) producer.close();
    System.out.print(out);
    System.out.flush();
  }

  private static KafkaProducer<byte[], byte[]> producer(String compression, String[] args) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", args[0]);
    properties.put("compression.type", compression);
    properties.put("acks", "all");
    properties.put("linger.ms", "50"); // so that what is written together also lies in one batch
    properties.put("key.serializer", "org.apache.kafka.common.serialization.ByteArraySerializer");
    properties.put("value.serializer", "org.apache.kafka.common.serialization.ByteArraySerializer");
    for (int i = 1; i < args.length; i++) {
      int at = args[i].indexOf('=');
      properties.put(args[i].substring(0, at), args[i].substring(at + 1));
    }
    return new KafkaProducer<>(properties);
  }

  private static ProducerRecord<byte[], byte[]> record(String[] words) {
    String topic = words[1];
    Integer partition = words[2].equals("-") ? null : Integer.valueOf(words[2]);
    Long timestamp = Words.number(words[3]);
    byte[] key = Words.bytes(words[4]);
    byte[] value = Words.bytes(words[5]);
    List<Header> headers = new ArrayList<>(); // since 0.11
    for (int i = 6; i < words.length; i += 2) { // since 0.11
      headers.add(new RecordHeader(Words.text(words[i]), Words.bytes(words[i + 1]))); // since 0.11
    } // since 0.11
    return new ProducerRecord<>(topic, partition, timestamp, key, value, headers); // since 0.11
    return new ProducerRecord<>(topic, partition, timestamp, key, value); // since 0.10 until 0.11
    return new ProducerRecord<>(topic, partition, key, value); // until 0.10
  }
}
