import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.Collection;

/**
 * Makes stores of the old kind from PEM files, which Kafka reads from 2.7 on, and without passwords only later. Arguments: a
 * password, then any number of triples: a certificate, its key or "-", and the store to write.
 */
public final class KeyStores {
  public static void main(String[] args) throws Exception {
    char[] password = args[0].toCharArray();
    for (int i = 1; i < args.length; i += 3) {
      Collection<? extends Certificate> chain = CertificateFactory.getInstance("X.509")
          .generateCertificates(Files.newInputStream(Path.of(args[i])));
      KeyStore store = KeyStore.getInstance("PKCS12");
      store.load(null, null);
      if (args[i + 1].equals("-")) {
        int count = 0;
        for (Certificate each : chain) store.setCertificateEntry("authority " + ++count, each);
      } else {
        String text = Files.readString(Path.of(args[i + 1])).replaceAll("-----[A-Z ]+-----|\\s", "");
        PrivateKey key = KeyFactory.getInstance("EC")
            .generatePrivate(new PKCS8EncodedKeySpec(Base64.getDecoder().decode(text)));
        store.setKeyEntry("own", key, password, chain.toArray(new Certificate[0]));
      }
      try (var out = Files.newOutputStream(Path.of(args[i + 2]))) {
        store.store(out, password);
      }
    }
  }
}
