/*
 * The process of librdkafka in the benchmark: a line of JSON in, a line of JSON out, like worker/main.ts.
 * It declares what it uses of librdkafka's interface, and is linked with the library that the Python package brings.
 */

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

typedef struct rd_kafka_s rd_kafka_t;
typedef struct rd_kafka_conf_s rd_kafka_conf_t;
typedef struct rd_kafka_topic_s rd_kafka_topic_t;
typedef struct rd_kafka_topic_conf_s rd_kafka_topic_conf_t;
typedef struct rd_kafka_queue_s rd_kafka_queue_t;
typedef struct rd_kafka_topic_partition_list_s rd_kafka_topic_partition_list_t;

typedef struct {
  int err;
  rd_kafka_topic_t *rkt;
  int32_t partition;
  void *payload;
  size_t len;
  void *key;
  size_t key_len;
  int64_t offset;
  void *private;
} rd_kafka_message_t;

enum { PRODUCER, CONSUMER };
enum { ANY_PARTITION = -1, COPY = 0x2, PARTITION_EOF = -191, QUEUE_FULL = -184 };

extern rd_kafka_conf_t *rd_kafka_conf_new(void);
extern int rd_kafka_conf_set(rd_kafka_conf_t *, const char *, const char *, char *, size_t);
extern int rd_kafka_conf_get(const rd_kafka_conf_t *, const char *, char *, size_t *);
extern void rd_kafka_conf_set_dr_msg_cb(rd_kafka_conf_t *,
                                        void (*)(rd_kafka_t *, const rd_kafka_message_t *, void *));
extern rd_kafka_t *rd_kafka_new(int, rd_kafka_conf_t *, char *, size_t);
extern rd_kafka_topic_t *rd_kafka_topic_new(rd_kafka_t *, const char *, rd_kafka_topic_conf_t *);
extern int rd_kafka_produce(rd_kafka_topic_t *, int32_t, int, void *, size_t, const void *, size_t, void *);
extern int rd_kafka_produce_batch(rd_kafka_topic_t *, int32_t, int, rd_kafka_message_t *, int);
extern int rd_kafka_poll(rd_kafka_t *, int);
extern int rd_kafka_flush(rd_kafka_t *, int);
extern int rd_kafka_poll_set_consumer(rd_kafka_t *);
extern rd_kafka_topic_partition_list_t *rd_kafka_topic_partition_list_new(int);
extern void *rd_kafka_topic_partition_list_add(rd_kafka_topic_partition_list_t *, const char *, int32_t);
extern int rd_kafka_subscribe(rd_kafka_t *, const rd_kafka_topic_partition_list_t *);
extern rd_kafka_queue_t *rd_kafka_queue_get_consumer(rd_kafka_t *);
extern ssize_t rd_kafka_consume_batch_queue(rd_kafka_queue_t *, int, rd_kafka_message_t **, size_t);
extern rd_kafka_message_t *rd_kafka_consumer_poll(rd_kafka_t *, int);
extern void rd_kafka_message_destroy(rd_kafka_message_t *);
extern const char *rd_kafka_err2str(int);

static char job[8192];
static unsigned char *pool;
static size_t value_bytes, pool_count, number_at;
static int verify;
/* A program whose buffers do not live for ever has to have them copied; our values do. */
static int take = COPY;

static void fail(const char *format, ...) {
  char text[512];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  for (char *at = text; *at; at++) if (*at == '"' || *at == '\\' || *at < ' ') *at = '\'';
  printf("\n{\"error\":\"%s\"}\n", text);
  fflush(stdout);
  _Exit(0);
}

/* The job is flat, and none of its texts holds a quote. */
static const char *field(const char *name) {
  char key[64];
  snprintf(key, sizeof key, "\"%s\":", name);
  const char *at = strstr(job, key);
  if (!at) fail("the job has no %s", name);
  return at + strlen(key);
}

static double number(const char *name) { return strtod(field(name), NULL); }
static int flag(const char *name) { return *field(name) == 't'; }

static char *text(const char *name) {
  const char *at = field(name) + 1;
  return strndup(at, strcspn(at, "\""));
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec + time.tv_nsec / 1e9;
}

static double cpu(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static double started, cpu_started;
static double *latencies;
static size_t latency_count, latency_room;

static void begin(void) {
  cpu_started = cpu();
  started = now();
}

static void add_latency(double seconds) {
  if (latency_count == latency_room) {
    latency_room = latency_room ? 2 * latency_room : 1 << 16;
    latencies = realloc(latencies, latency_room * sizeof *latencies);
  }
  latencies[latency_count++] = seconds * 1000;
}

static int ascending(const void *a, const void *b) {
  double left = *(const double *)a, right = *(const double *)b;
  return left < right ? -1 : left > right;
}

/* Not getrusage's, which begins with what the process had that started this one. */
static double peak_rss(void) {
  char line[256];
  long kilobytes = 0;
  FILE *file = fopen("/proc/self/status", "r");
  while (file && fgets(line, sizeof line, file)) sscanf(line, "VmHWM: %ld", &kilobytes);
  return kilobytes * 1024.0;
}

static void tell(double messages, double sent) {
  double seconds = now() - started, used = cpu() - cpu_started;
  printf("\n{\"messages\":%.0f,\"seconds\":%.6f,\"cpuSeconds\":%.6f,\"rss\":%.0f,\"heap\":0,\"buffers\":0", messages,
         seconds, used, peak_rss());
  if (sent >= 0) printf(",\"sent\":%.0f", sent);
  if (latency_count > 0) {
    qsort(latencies, latency_count, sizeof *latencies, ascending);
    printf(",\"p50\":%.4f,\"p99\":%.4f", latencies[latency_count / 2], latencies[latency_count * 99 / 100]);
  }
  printf("}\n");
  fflush(stdout);
  _Exit(0);
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
  char error[256];
  if (rd_kafka_conf_set(conf, name, value, error, sizeof error) != 0) fail("%s", error);
}

static rd_kafka_t *create(int type, rd_kafka_conf_t *conf) {
  char error[256];
  set(conf, "bootstrap.servers", text("hosts"));
  rd_kafka_t *kafka = rd_kafka_new(type, conf, error, sizeof error);
  if (!kafka) fail("%s", error);
  return kafka;
}

/* ---- producing ---- */

static long given, acknowledged, measured_from;
static int measuring, going_on;
static rd_kafka_topic_t *topic;
static double call_start[4096];

static void *value_of(long i) {
  unsigned char *value = pool + (i % pool_count) * value_bytes;
  if (!verify) return value;
  unsigned char *copy = malloc(value_bytes + 16);
  memcpy(copy, value, value_bytes);
  char digits[16];
  snprintf(digits, sizeof digits, "%010ld", i);
  memcpy(copy + number_at, digits, 10);
  return copy;
}

static void send_one(long caller) {
  int failed = rd_kafka_produce(topic, ANY_PARTITION, take, value_of(given), value_bytes, NULL, 0, (void *)caller);
  if (failed) fail("a message was not taken");
  given++;
}

static void call(long caller) {
  call_start[caller] = now();
  send_one(caller);
}

static long calls_left;

static void delivered(rd_kafka_t *kafka, const rd_kafka_message_t *message, void *opaque) {
  (void)kafka, (void)opaque;
  if (message->err) fail("not delivered: %s", rd_kafka_err2str(message->err));
  acknowledged++;
  long caller = (long)message->private;
  if (caller < 0) return;
  if (measuring) add_latency(now() - call_start[caller]);
  if (going_on && calls_left-- > 0) call(caller);
}

static rd_kafka_t *producer(const char *linger) {
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  set(conf, "acks", "all");
  set(conf, "linger.ms", linger);
  set(conf, "compression.codec", text("codec"));
  set(conf, "queue.buffering.max.messages", "500000");
  set(conf, "queue.buffering.max.kbytes", "131072");
  rd_kafka_conf_set_dr_msg_cb(conf, delivered);
  rd_kafka_t *kafka = create(PRODUCER, conf);
  topic = rd_kafka_topic_new(kafka, text("topic"), NULL);
  return kafka;
}

static void drain(rd_kafka_t *kafka) {
  while (acknowledged < given) rd_kafka_poll(kafka, 100);
}

static void lists_until(rd_kafka_t *kafka, double end, long most) {
  enum { SIZE = 1000 };
  static rd_kafka_message_t messages[SIZE];
  for (long sent = 0; now() < end && sent < most; sent += SIZE) {
    memset(messages, 0, sizeof messages);
    for (int i = 0; i < SIZE; i++) {
      messages[i].payload = value_of(given + i);
      messages[i].len = value_bytes;
      messages[i].private = (void *)-1L;
    }
    for (int from = 0; from < SIZE;) {
      int taken = rd_kafka_produce_batch(topic, ANY_PARTITION, take, messages + from, SIZE - from);
      given += taken;
      int next = from + taken;
      if (taken < SIZE - from) {
        /* What was not taken may lie anywhere in the list where a queue was full. */
        for (int i = from; i < SIZE; i++) {
          if (messages[i].err && messages[i].err != QUEUE_FULL) fail("%s", rd_kafka_err2str(messages[i].err));
        }
        int kept = SIZE;
        for (int i = SIZE - 1; i >= from; i--) if (messages[i].err) messages[--kept] = messages[i];
        next = kept;
        for (int i = next; i < SIZE; i++) messages[i].err = 0;
        rd_kafka_poll(kafka, 10);
      }
      from = next;
    }
    rd_kafka_poll(kafka, 0);
    while (given - acknowledged > 200000) rd_kafka_poll(kafka, 10);
  }
  drain(kafka);
}

static void run_lists(void) {
  rd_kafka_t *kafka = producer("5");
  if (verify) {
    lists_until(kafka, 1e18, 60000);
    begin();
    tell(0, given);
  }
  lists_until(kafka, now() + number("warmupSeconds"), 1L << 60);
  measured_from = given;
  begin();
  lists_until(kafka, now() + number("seconds"), 1L << 60);
  tell(given - measured_from, given);
}

static void callers_until(rd_kafka_t *kafka, long callers, double end, long most) {
  calls_left = most - callers;
  going_on = 1;
  for (long i = 0; i < callers; i++) call(i);
  while (now() < end && calls_left > 0) rd_kafka_poll(kafka, 100);
  going_on = 0;
  drain(kafka);
}

static void run_callers(void) {
  long callers = number("callers");
  rd_kafka_t *kafka = producer(callers == 1 ? "0" : "1");
  if (verify) {
    callers_until(kafka, callers, 1e18, 20000);
    begin();
    tell(0, given);
  }
  callers_until(kafka, callers, now() + number("warmupSeconds"), 1L << 60);
  measured_from = given;
  measuring = 1;
  begin();
  callers_until(kafka, callers, now() + number("seconds"), 1L << 60);
  tell(given - measured_from, given);
}

/* ---- consuming ---- */

static rd_kafka_t *consumer(const char *from) {
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  set(conf, "group.id", text("group"));
  set(conf, "auto.offset.reset", from);
  set(conf, "fetch.queue.backoff.ms", "10");
  char value[16];
  size_t size = sizeof value;
  if (rd_kafka_conf_get(conf, "fetch.queue.backoff.ms", value, &size) != 0 || strcmp(value, "10") != 0) {
    fail("fetch.queue.backoff.ms was not taken");
  }
  rd_kafka_t *kafka = create(CONSUMER, conf);
  rd_kafka_poll_set_consumer(kafka);
  rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(topics, text("topic"), ANY_PARTITION);
  if (rd_kafka_subscribe(kafka, topics) != 0) fail("could not subscribe");
  return kafka;
}

static long long number_of(const unsigned char *value) {
  long long found = 0;
  for (int i = 0; i < 10; i++) found = found * 10 + value[number_at + i] - '0';
  return found;
}

static void check(const rd_kafka_message_t *message) {
  static int64_t offsets[64], numbers[64];
  long long found = number_of(message->payload);
  int partition = message->partition;
  if (message->len != value_bytes) fail("%zu bytes", message->len);
  if (message->offset != offsets[partition]) fail("offset %lld is out of order", (long long)message->offset);
  offsets[partition]++;
  if (found < numbers[partition]) fail("number %lld is out of order", found);
  numbers[partition] = found + 1;
  const unsigned char *like = pool + (found % pool_count) * value_bytes, *value = message->payload;
  if (memcmp(value, like, number_at) != 0 ||
      memcmp(value + number_at + 10, like + number_at + 10, value_bytes - number_at - 10) != 0) {
    fail("the bytes of number %lld differ", found);
  }
}

static void run_consume(void) {
  long total = number("total"), warmup = number("warmupCount"), count = 0, bytes = 0;
  volatile long sum = 0;
  int each = flag("each");
  double length = number("seconds"), end = 0;
  rd_kafka_t *kafka = consumer("earliest");
  rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(kafka);
  static rd_kafka_message_t *messages[1000];
  while (count < total) {
    ssize_t got = each ? (messages[0] = rd_kafka_consumer_poll(kafka, 1000)) != NULL
                       : rd_kafka_consume_batch_queue(queue, 1000, messages, 1000);
    for (ssize_t i = 0; i < got; i++) {
      rd_kafka_message_t *message = messages[i];
      if (message->err && message->err != PARTITION_EOF) fail("%s", rd_kafka_err2str(message->err));
      if (!message->err) {
        if (verify) check(message);
        count++;
        bytes += message->len;
        sum += ((unsigned char *)message->payload)[12];
      }
      rd_kafka_message_destroy(message);
    }
    if (end == 0 && count >= warmup) {
      measured_from = count;
      begin();
      end = now() + length;
    } else if (end > 0 && !verify && count % 1000 < 10 && now() > end) {
      break;
    }
  }
  if (bytes != count * (long)value_bytes) fail("%ld bytes in %ld messages", bytes, count);
  tell(verify ? 0 : count - measured_from, -1);
}

static double sent_at[1 << 20];

static void paced(rd_kafka_t *producing, rd_kafka_t *consuming, double end, double rate) {
  double start = now();
  long first = given;
  while (now() < end || (rate > 0 && acknowledged < given)) {
    while (rate > 0 && now() < end && given - first < (now() - start) * rate) {
      sent_at[given] = now();
      send_one(-1);
    }
    rd_kafka_poll(producing, 0);
    rd_kafka_message_t *message = rd_kafka_consumer_poll(consuming, 1);
    if (!message) continue;
    if (!message->err) {
      if (measuring) add_latency(now() - sent_at[number_of(message->payload)]);
      measured_from++;
    }
    rd_kafka_message_destroy(message);
  }
}

static void run_latency(void) {
  verify = 1;
  rd_kafka_t *producing = producer("0"), *consuming = consumer("latest");
  measured_from = 0; /* here: how many have come */
  for (int i = 0; i < 200 && measured_from == 0; i++) {
    sent_at[given] = now();
    send_one(-1);
    paced(producing, consuming, now() + 0.1, 0);
  }
  paced(producing, consuming, now() + number("warmupSeconds"), 1000);
  paced(producing, consuming, now() + 0.2, 0);
  long before = given, missing = given - measured_from;
  measuring = 1;
  begin();
  paced(producing, consuming, now() + number("seconds"), 1000);
  for (int i = 0; i < 100 && given - measured_from > missing; i++) paced(producing, consuming, now() + 0.01, 0);
  if (given - measured_from > missing) fail("%ld messages did not arrive", given - measured_from - missing);
  tell(given - before, given);
}

int main(void) {
  if (!fgets(job, sizeof job, stdin)) fail("no job was given");
  value_bytes = number("valueBytes");
  pool_count = number("poolCount");
  number_at = number("numberAt");
  verify = flag("verify");
  FILE *file = fopen(text("pool"), "rb");
  pool = malloc(value_bytes * pool_count);
  if (!file || fread(pool, value_bytes, pool_count, file) != pool_count) fail("cannot read the values");
  if (strcmp(text("shape"), "no-copy") == 0) take = 0;
  char *kind = text("kind");
  if (strcmp(kind, "lists") == 0) run_lists();
  if (strcmp(kind, "callers") == 0) run_callers();
  if (strcmp(kind, "consume") == 0) run_consume();
  if (strcmp(kind, "latency") == 0) run_latency();
  fail("there is no %s here", kind);
}
