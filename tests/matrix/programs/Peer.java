import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSession;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/**
 * A client or a server with Java's own TLS (JSSE), for one cell of the matrix: the arguments,
 * the files and what it prints are those of peer.go, but for own.p12 (password "secret") in
 * place of cert.pem and key.pem.  JSSE does not tell whether a session was resumed: it is a
 * session that was made before the connection.
 */
public class Peer {
    private static SSLContext context() throws Exception {
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null);
        try (InputStream file = Files.newInputStream(Path.of("ca.pem"))) {
            CertificateFactory factory = CertificateFactory.getInstance("X.509");
            trusted.setCertificateEntry("ca", factory.generateCertificate(file));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(trusted);
        KeyStore own = KeyStore.getInstance("PKCS12");
        char[] password = "secret".toCharArray();
        try (InputStream file = Files.newInputStream(Path.of("own.p12"))) {
            own.load(file, password);
        }
        KeyManagerFactory keys = KeyManagerFactory.getInstance("PKIX");
        keys.init(own, password);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
        return context;
    }

    private static String facts(SSLSocket socket, long begun, String client) {
        SSLSession session = socket.getSession();
        String version = session.getProtocol().replace("TLSv", "");
        boolean resumed = session.getCreationTime() < begun;
        return "{\"version\": \"%s\", \"resumed\": %b, \"client\": %s}"
                .formatted(version, resumed, client);
    }

    private static void connect(int port, int times) throws Exception {
        byte[] request = Files.readAllBytes(Path.of("request"));
        SSLContext context = context();
        for (int i = 0; i < times; i++) {
            // The clock of sessions has milliseconds.
            Thread.sleep(2);
            long begun = System.currentTimeMillis();
            try (SSLSocket socket =
                    (SSLSocket) context.getSocketFactory().createSocket("localhost", port)) {
                SSLParameters parameters = socket.getSSLParameters();
                parameters.setEndpointIdentificationAlgorithm("HTTPS");
                socket.setSSLParameters(parameters);
                socket.getOutputStream().write(request);
                byte[] answer = socket.getInputStream().readAllBytes();
                Files.write(Path.of("answer-" + i), answer);
                System.out.println(facts(socket, begun, "\"untold\""));
            }
        }
    }

    private static byte[] body(InputStream from) throws IOException {
        ByteArrayOutputStream head = new ByteArrayOutputStream();
        while (!head.toString(StandardCharsets.ISO_8859_1).endsWith("\r\n\r\n")) {
            int octet = from.read();
            if (octet < 0) {
                throw new IOException("the request ended early");
            }
            head.write(octet);
        }
        for (String line : head.toString(StandardCharsets.ISO_8859_1).split("\r\n")) {
            String[] parts = line.split(": *", 2);
            if (parts[0].equalsIgnoreCase("Content-Length")) {
                return from.readNBytes(Integer.parseInt(parts[1]));
            }
        }
        return new byte[0];
    }

    private static void answer(SSLSocket socket, long begun, boolean isMutual) throws Exception {
        byte[] content = body(socket.getInputStream());
        String client = "null";
        if (isMutual) {
            client = "\"" + socket.getSession().getPeerPrincipal().getName() + "\"";
        }
        String head = "HTTP/1.1 200 OK\r\nContent-Length: " + content.length
                + "\r\nX-Seen: " + facts(socket, begun, client) + "\r\n\r\n";
        OutputStream to = socket.getOutputStream();
        to.write(head.getBytes(StandardCharsets.ISO_8859_1));
        to.write(content);
    }

    private static void serve(boolean isMutual) throws Exception {
        SSLServerSocket listener = (SSLServerSocket) context().getServerSocketFactory()
                .createServerSocket(0, 50, InetAddress.getByName("127.0.0.1"));
        listener.setNeedClientAuth(isMutual);
        System.out.println(listener.getLocalPort());
        while (true) {
            try (SSLSocket socket = (SSLSocket) listener.accept()) {
                long begun = System.currentTimeMillis();
                answer(socket, begun, isMutual);
                // A session of the next connection has to be older than that.
                Thread.sleep(2);
            } catch (SSLException error) {
                System.err.println(error);
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        if (arguments[0].equals("client")) {
            connect(Integer.parseInt(arguments[1]), Integer.parseInt(arguments[2]));
        } else {
            serve(arguments[1].equals("true"));
        }
    }
}
