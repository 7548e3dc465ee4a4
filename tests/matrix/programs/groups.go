// groups makes one handshake with Go's crypto/tls, in which one key exchange group is
// allowed.
//
//	groups client GROUP VERSION PORT   connects to localhost, and reads until the end
//	groups server GROUP VERSION        prints its port, and writes one byte to each client
//
// The files ca.pem, cert.pem and key.pem are in the working directory.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"os"
)

var groups = map[string]tls.CurveID{
	"x25519":             tls.X25519,
	"secp256r1":          tls.CurveP256,
	"secp384r1":          tls.CurveP384,
	"secp521r1":          tls.CurveP521,
	"X25519MLKEM768":     tls.X25519MLKEM768,
	"SecP256r1MLKEM768":  tls.SecP256r1MLKEM768,
	"SecP384r1MLKEM1024": tls.SecP384r1MLKEM1024,
}

var versions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func main() {
	role, group, version := os.Args[1], groups[os.Args[2]], versions[os.Args[3]]
	config := &tls.Config{
		CurvePreferences: []tls.CurveID{group},
		MinVersion:       version,
		MaxVersion:       version,
	}
	if role == "client" {
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(must(os.ReadFile("ca.pem")))
		config.ServerName = "localhost"
		conn := must(tls.Dial("tcp", "127.0.0.1:"+os.Args[4], config))
		must(io.ReadAll(conn))
		return
	}
	config.Certificates = []tls.Certificate{must(tls.LoadX509KeyPair("cert.pem", "key.pem"))}
	listener := must(tls.Listen("tcp", "127.0.0.1:0", config))
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	for {
		conn := must(listener.Accept())
		must(conn.Write([]byte(".")))
		conn.Close()
	}
}
