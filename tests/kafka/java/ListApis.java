import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.requests.AbstractResponse;

/**
 * Prints every API of this release on a line: its key, its name, and for each version the version of the request's header, that of
 * the response's, and whether the client is to wait when it is throttled: 1 if so, 0 if not, - if it cannot be found out.
 */
public final class ListApis {
  public static void main(String[] args) throws Exception {
    Method parse = null;
    for (Method method : AbstractResponse.class.getMethods()) {
      Class<?>[] takes = method.getParameterTypes();
      if (method.getName().equals("parseResponse") && takes.length == 3 && takes[0] == ApiKeys.class) parse = method;
    }
    for (ApiKeys key : ApiKeys.values()) {
      ApiMessageType type = ApiMessageType.fromApiKey(key.id);
      StringBuilder line = new StringBuilder(key.id + " " + type.name);
      for (short version = type.lowestSupportedVersion(); version <= type.highestSupportedVersion(true); version++) {
        line.append(" ").append(version).append(":").append(key.requestHeaderVersion(version)).append(":")
            .append(key.responseHeaderVersion(version)).append(":").append(throttle(parse, key, type.newResponse(), version));
      }
      System.out.println(line);
    }
  }

  private static String throttle(Method parse, ApiKeys key, ApiMessage empty, short version) {
    try {
      ObjectSerializationCache cache = new ObjectSerializationCache();
      ByteBufferAccessor bytes = new ByteBufferAccessor(ByteBuffer.allocate(empty.size(cache, version)));
      empty.write(bytes, cache, version);
      bytes.buffer().flip();
      boolean takesBuffer = parse.getParameterTypes()[1] == ByteBuffer.class;
      Object response = parse.invoke(null, key, takesBuffer ? bytes.buffer() : bytes, version);
      return ((AbstractResponse) response).shouldClientThrottle(version) ? "1" : "0";
    } catch (ReflectiveOperationException | RuntimeException e) {
      return "-";
    }
  }
}
