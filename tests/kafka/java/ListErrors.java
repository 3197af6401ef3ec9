import org.apache.kafka.common.errors.InvalidMetadataException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.protocol.Errors;

/** Prints every error of this release on a line: its number, its name, whether it is retriable, whether it is about stale metadata. */
public final class ListErrors {
  public static void main(String[] args) {
    for (Errors error : Errors.values()) {
      Exception exception = error.exception();
      System.out.println(
          error.code() + " " + error.name() + " " + (exception instanceof RetriableException) + " "
              + (exception instanceof InvalidMetadataException));
    }
  }
}
