import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** The Java client, from 2.5 on: does the job that standard input describes. Argument: its version. */
public final class Peer {
  private static JsonNode job;

  public static void main(String[] args) throws Exception {
    ObjectMapper json = new ObjectMapper();
    job = json.readTree(System.in);
    Map<String, Object> told = new LinkedHashMap<>();
    told.put("version", args[0]);
    try (Admin admin = Admin.create(base())) {
      List<NewTopic> made = new ArrayList<>();
      for (JsonNode to : job.get("writes")) {
        made.add(new NewTopic(to.get("topic").asText(), job.get("partitions").asInt(), (short) 2));
      }
      admin.createTopics(made).all().get();
      told.put("listed", admin.listTopics().names().get());
      Map<String, Object> written = new HashMap<>();
      for (JsonNode to : job.get("writes")) written.put(to.get("topic").asText(), write(to));
      told.put("written", written);
      Map<String, Object> offsets = new HashMap<>(), since = new HashMap<>(), read = new HashMap<>();
      for (JsonNode name : job.get("reads")) {
        String topic = name.asText();
        int partitions = admin.describeTopics(Collections.singletonList(topic)).all() // until 3.1
        int partitions = admin.describeTopics(Collections.singletonList(topic)).allTopicNames() // since 3.1
            .get().get(topic).partitions().size();
        Map<Integer, Long> first = ask(admin, topic, partitions, OffsetSpec.earliest());
        Map<Integer, Long> end = ask(admin, topic, partitions, OffsetSpec.latest());
        offsets.put(topic, first.keySet().stream().map(it -> Arrays.asList(it, first.get(it), end.get(it)))
            .collect(Collectors.toList()));
        read.put(topic, read(topic, end));
      }
      for (JsonNode name : job.get("searches")) {
        OffsetSpec spec = OffsetSpec.forTimestamp(job.get("time").asLong());
        Map<Integer, Long> later = ask(admin, name.asText(), job.get("partitions").asInt(), spec);
        since.put(name.asText(), later.keySet().stream().map(it -> Arrays.asList(it, later.get(it)))
            .collect(Collectors.toList()));
      }
      told.put("offsets", offsets);
      told.put("since", since);
      told.put("read", read);
      admin.deleteTopics(Collections.singletonList(job.get("gone").asText())).all().get();
    }
    System.out.println(json.writeValueAsString(told));
  }

  private static Map<String, Object> base() {
    Map<String, Object> base = new HashMap<>();
    base.put("bootstrap.servers", job.get("hosts").asText());
    base.put("client.id", "java");
    return base;
  }

  private static Map<Integer, Long> ask(Admin admin, String topic, int partitions, OffsetSpec spec) throws Exception {
    Map<TopicPartition, OffsetSpec> wanted = new HashMap<>();
    for (int i = 0; i < partitions; i++) wanted.put(new TopicPartition(topic, i), spec);
    Map<Integer, Long> found = new TreeMap<>();
    for (Map.Entry<TopicPartition, ListOffsetsResultInfo> it : admin.listOffsets(wanted).all().get().entrySet()) {
      found.put(it.getKey().partition(), it.getValue().offset());
    }
    return found;
  }

  private static List<Long> write(JsonNode to) throws Exception {
    Map<String, Object> settings = base();
    settings.put("compression.type", to.get("codec").asText());
    settings.put("linger.ms", "50");
    if (!to.get("idempotent").isNull()) settings.put("enable.idempotence", to.get("idempotent").asText());
    List<Future<RecordMetadata>> sent = new ArrayList<>();
    ByteArraySerializer plain = new ByteArraySerializer();
    try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(settings, plain, plain)) {
      for (JsonNode it : job.get("records")) {
        ProducerRecord<byte[], byte[]> record = new ProducerRecord<>(to.get("topic").asText(),
            it.get("partition").asInt(), it.get("timestamp").asLong(), data(it.get("key")), data(it.get("value")));
        for (JsonNode header : it.get("headers")) record.headers().add(header.get(0).asText(), data(header.get(1)));
        sent.add(producer.send(record));
      }
    }
    List<Long> offsets = new ArrayList<>();
    for (Future<RecordMetadata> each : sent) offsets.add(each.get().offset());
    return offsets;
  }

  private static List<Object> read(String topic, Map<Integer, Long> ends) {
    List<TopicPartition> partitions = ends.keySet().stream().map(it -> new TopicPartition(topic, it))
        .collect(Collectors.toList());
    ByteArrayDeserializer plain = new ByteArrayDeserializer();
    Map<String, Object> settings = base();
    settings.put("enable.auto.commit", "false");
    List<Object> found = new ArrayList<>();
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings, plain, plain)) {
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      while (partitions.stream().anyMatch(it -> consumer.position(it) < ends.get(it.partition()))) {
        for (ConsumerRecord<byte[], byte[]> it : consumer.poll(Duration.ofMillis(100))) {
          List<Object> headers = new ArrayList<>();
          for (Header header : it.headers()) headers.add(Arrays.asList(header.key(), header.value()));
          found.add(Arrays.asList(it.partition(), it.offset(), it.timestamp(), it.key(), it.value(), headers));
        }
      }
    }
    return found;
  }

  private static byte[] data(JsonNode text) throws Exception {
    return text.isNull() ? null : text.binaryValue();
  }
}
