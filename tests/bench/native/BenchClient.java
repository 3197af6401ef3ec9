import com.sun.management.OperatingSystemMXBean;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;

/** The process of the Java client in the benchmark: a line of JSON in, a line of JSON out, like worker/main.ts. */
public final class BenchClient {
  private static final OperatingSystemMXBean system =
      (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
  private static String job;
  private static byte[][] pool;
  private static boolean verify;
  private static int numberAt;
  private static long given;
  private static volatile Throwable failure;

  private static double[] latencies = new double[1 << 16];
  private static int latencyCount;
  private static long started;
  private static long cpuStarted;

  public static void main(String[] args) throws Exception {
    try {
      job = new BufferedReader(new InputStreamReader(System.in)).readLine();
      verify = text("verify").equals("true");
      numberAt = (int) number("numberAt");
      int size = (int) number("valueBytes");
      byte[] all = Files.readAllBytes(Path.of(text("pool")));
      pool = new byte[all.length / size][];
      for (int i = 0; i < pool.length; i++) pool[i] = Arrays.copyOfRange(all, i * size, (i + 1) * size);
      switch (text("kind")) {
        case "lists" -> lists();
        case "callers" -> callers();
        case "consume" -> consume();
        case "latency" -> latency();
        default -> throw new IllegalArgumentException("there is no " + text("kind") + " here");
      }
    } catch (Throwable error) {
      say("{\"error\":\"" + error.toString().replaceAll("[\"\\\\\\p{Cntrl}]", "'") + "\"}");
    }
  }

  private static String text(String name) {
    Matcher found = Pattern.compile("\"" + name + "\":(?:\"([^\"]*)\"|([^,}]*))").matcher(job);
    if (!found.find()) throw new IllegalArgumentException("the job has no " + name);
    return found.group(1) != null ? found.group(1) : found.group(2);
  }

  private static double number(String name) {
    return Double.parseDouble(text(name));
  }

  private static void say(String line) {
    System.out.println("\n" + line);
    System.out.flush();
    Runtime.getRuntime().halt(0);
  }

  private static void begin() {
    cpuStarted = system.getProcessCpuTime();
    started = System.nanoTime();
  }

  private static synchronized void addLatency(long nanos) {
    if (latencyCount == latencies.length) latencies = Arrays.copyOf(latencies, 2 * latencyCount);
    latencies[latencyCount++] = nanos / 1e6;
  }

  private static void tell(long messages, long sent) throws Exception {
    double seconds = (System.nanoTime() - started) / 1e9;
    double cpu = (system.getProcessCpuTime() - cpuStarted) / 1e9;
    if (failure != null) throw new Exception(failure);
    long rss = 0;
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmHWM:")) rss = Long.parseLong(line.replaceAll("\\D", "")) * 1024;
    }
    long heap = Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    String result = "{\"messages\":" + messages + ",\"seconds\":" + seconds + ",\"cpuSeconds\":" + cpu + ",\"rss\":" + rss
        + ",\"heap\":" + heap + ",\"buffers\":0";
    if (sent >= 0) result += ",\"sent\":" + sent;
    if (latencyCount > 0) {
      Arrays.sort(latencies, 0, latencyCount);
      result += ",\"p50\":" + latencies[latencyCount / 2] + ",\"p99\":" + latencies[(int) (latencyCount * 0.99)];
    }
    say(result + "}");
  }

  // ---- producing ----

  private static synchronized byte[] next() {
    long i = given++;
    byte[] value = pool[(int) (i % pool.length)];
    if (!verify) return value;
    byte[] copy = value.clone();
    byte[] digits = String.format("%010d", i).getBytes(StandardCharsets.US_ASCII);
    System.arraycopy(digits, 0, copy, numberAt, digits.length);
    return copy;
  }

  private static KafkaProducer<byte[], byte[]> producer(int linger) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", text("hosts"));
    properties.put("acks", "all");
    properties.put("enable.idempotence", "false");
    properties.put("linger.ms", String.valueOf(linger));
    properties.put("batch.size", "131072");
    properties.put("compression.type", text("codec"));
    properties.put("key.serializer", "org.apache.kafka.common.serialization.ByteArraySerializer");
    properties.put("value.serializer", "org.apache.kafka.common.serialization.ByteArraySerializer");
    return new KafkaProducer<>(properties);
  }

  private static void lists() throws Exception {
    KafkaProducer<byte[], byte[]> producer = producer(5);
    if (verify) {
      send(producer, 60_000, Long.MAX_VALUE);
      begin();
      tell(0, given);
    }
    send(producer, Long.MAX_VALUE, System.nanoTime() + (long) (number("warmupSeconds") * 1e9));
    long warm = given;
    begin();
    send(producer, Long.MAX_VALUE, System.nanoTime() + (long) (number("seconds") * 1e9));
    tell(given - warm, given);
  }

  private static void send(KafkaProducer<byte[], byte[]> producer, long most, long end) {
    String topic = text("topic");
    for (long sent = 0; sent < most; sent++) {
      if (sent % 1000 == 0 && end - System.nanoTime() < 0) break;
      producer.send(new ProducerRecord<>(topic, next()), (where, error) -> {
        if (error != null) failure = error;
      });
    }
    producer.flush();
  }

  private static void callers() throws Exception {
    int callers = (int) number("callers");
    KafkaProducer<byte[], byte[]> producer = producer(0);
    if (verify) {
      call(producer, callers, 20_000, Long.MAX_VALUE, false);
      begin();
      tell(0, given);
    }
    call(producer, callers, Long.MAX_VALUE, System.nanoTime() + (long) (number("warmupSeconds") * 1e9), false);
    long warm = given;
    begin();
    call(producer, callers, Long.MAX_VALUE, System.nanoTime() + (long) (number("seconds") * 1e9), true);
    tell(given - warm, given);
  }

  private static void call(KafkaProducer<byte[], byte[]> producer, int callers, long most, long end, boolean measured)
      throws Exception {
    AtomicLong left = new AtomicLong(most);
    String topic = text("topic");
    Thread[] threads = new Thread[callers];
    for (int i = 0; i < callers; i++) {
      threads[i] = new Thread(() -> {
        try {
          while (end - System.nanoTime() > 0 && left.getAndDecrement() > 0) {
            long start = System.nanoTime();
            Future<?> sent;
            synchronized (producer) { // numbers go in their order
              sent = producer.send(new ProducerRecord<>(topic, next()));
            }
            sent.get();
            if (measured) addLatency(System.nanoTime() - start);
          }
        } catch (Exception error) {
          failure = error;
        }
      });
      threads[i].start();
    }
    for (Thread thread : threads) thread.join();
  }

  // ---- consuming ----

  private static KafkaConsumer<byte[], byte[]> consumer(String from) {
    Properties properties = new Properties();
    properties.put("bootstrap.servers", text("hosts"));
    properties.put("group.id", text("group"));
    properties.put("auto.offset.reset", from);
    properties.put("max.poll.records", "5000");
    properties.put("key.deserializer", "org.apache.kafka.common.serialization.ByteArrayDeserializer");
    properties.put("value.deserializer", "org.apache.kafka.common.serialization.ByteArrayDeserializer");
    KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(properties);
    consumer.subscribe(List.of(text("topic")));
    return consumer;
  }

  private static final Map<Integer, long[]> seen = new HashMap<>();

  private static long numberOf(byte[] value) {
    long found = 0;
    for (int i = 0; i < 10; i++) found = found * 10 + value[numberAt + i] - '0';
    return found;
  }

  private static void check(ConsumerRecord<byte[], byte[]> record) {
    long[] expected = seen.computeIfAbsent(record.partition(), partition -> new long[2]);
    byte[] value = record.value();
    long found = numberOf(value);
    if (record.offset() != expected[0]++) throw new IllegalStateException("offset " + record.offset() + " out of order");
    if (found < expected[1]) throw new IllegalStateException("number " + found + " is out of order");
    expected[1] = found + 1;
    byte[] like = pool[(int) (found % pool.length)].clone();
    System.arraycopy(value, numberAt, like, numberAt, 10);
    if (!Arrays.equals(like, value)) throw new IllegalStateException("the bytes of number " + found + " differ");
  }

  /** Reads everything, and goes back to the beginning: the JVM's compilers are busy for seconds. */
  private static void readOnce(KafkaConsumer<byte[], byte[]> consumer, long total) {
    long sum = 0;
    for (long count = 0; count < total;) {
      for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
        count++;
        sum += record.value()[12] + record.value().length;
      }
    }
    if (sum == 0) throw new IllegalStateException("nothing was read");
    consumer.seekToBeginning(consumer.assignment());
  }

  private static void consume() throws Exception {
    long total = (long) number("total");
    long warmup = (long) number("warmupCount");
    long count = 0, bytes = 0, sum = 0, from = 0, end = 0;
    KafkaConsumer<byte[], byte[]> consumer = consumer("earliest");
    if (!verify) readOnce(consumer, total);
    while (count < total) {
      ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofSeconds(1));
      for (ConsumerRecord<byte[], byte[]> record : records) {
        byte[] value = record.value();
        if (verify) check(record);
        count++;
        bytes += value.length;
        sum += value[12];
      }
      if (end == 0 && count >= warmup) {
        from = count;
        begin();
        end = System.nanoTime() + (long) (number("seconds") * 1e9);
      } else if (end != 0 && !verify && end - System.nanoTime() < 0) {
        break;
      }
    }
    if (bytes != count * pool[0].length || sum <= 0) throw new IllegalStateException(bytes + " bytes in " + count);
    tell(verify ? 0 : count - from, -1);
  }

  private static final long[] sentAt = new long[1 << 20];
  private static volatile boolean measuring;
  private static volatile long received;

  private static void latency() throws Exception {
    verify = true;
    KafkaProducer<byte[], byte[]> producer = producer(0);
    Thread reader = new Thread(() -> {
      KafkaConsumer<byte[], byte[]> consumer = consumer("latest");
      while (true) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofSeconds(1))) {
          long latency = System.nanoTime() - sentAt[(int) numberOf(record.value())];
          if (measuring) addLatency(latency);
          received++;
        }
      }
    });
    reader.setDaemon(true);
    reader.start();
    for (int i = 0; i < 200 && received == 0; i++) {
      sendOne(producer);
      Thread.sleep(100);
    }
    paced(producer, number("warmupSeconds"));
    Thread.sleep(200);
    long before = given, missing = given - received;
    measuring = true;
    begin();
    paced(producer, number("seconds"));
    for (int i = 0; i < 100 && given - received > missing; i++) Thread.sleep(10);
    if (given - received > missing) throw new IllegalStateException("messages did not arrive");
    tell(given - before, given);
  }

  private static void sendOne(KafkaProducer<byte[], byte[]> producer) {
    sentAt[(int) given] = System.nanoTime();
    producer.send(new ProducerRecord<>(text("topic"), next()), (where, error) -> {
      if (error != null) failure = error;
    });
  }

  private static void paced(KafkaProducer<byte[], byte[]> producer, double seconds) throws Exception {
    long start = System.nanoTime();
    for (long sent = 0; sent < seconds * 1000;) {
      double due = (System.nanoTime() - start) / 1e6;
      for (; sent < due; sent++) sendOne(producer);
      Thread.sleep(1);
    }
  }
}
