// ech is a server with ECH (RFC 9849), which shows what each client's ECH came to.
//
//	ech PORT CERT KEY LIST RETRY
//
// It writes the ECHConfigList for the public name public.example to the file LIST before
// it listens, and sends it to clients whose ECH it rejects where RETRY is "true".
package main

import (
	"crypto/ecdh"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"log"
	"net"
	"os"
)

const publicName = "public.example"

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

// long puts the length of bytes in front of them.
func long(bytes []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(bytes))), bytes...)
}

// config is an ECHConfig for DHKEM(X25519), HKDF-SHA256 and AES-128-GCM.
func config(key *ecdh.PublicKey) []byte {
	contents := []byte{7, 0, 0x20}
	contents = append(contents, long(key.Bytes())...)
	contents = append(contents, long([]byte{0, 1, 0, 1})...)
	contents = append(contents, 0, byte(len(publicName)))
	contents = append(contents, publicName...)
	contents = append(contents, 0, 0)
	return append([]byte{0xfe, 0x0d}, long(contents)...)
}

func answer(conn *tls.Conn) {
	defer conn.Close()
	if err := conn.Handshake(); err != nil {
		log.Print(err)
		return
	}
	state := conn.ConnectionState()
	fmt.Fprintf(conn, "%s %v", state.ServerName, state.ECHAccepted)
}

func main() {
	port, cert, key, list, retry := os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]
	private := must(ecdh.X25519().GenerateKey(rand.Reader))
	ech := config(private.PublicKey())
	if err := os.WriteFile(list, long(ech), 0o644); err != nil {
		log.Fatal(err)
	}
	settings := &tls.Config{
		Certificates: []tls.Certificate{must(tls.LoadX509KeyPair(cert, key))},
		EncryptedClientHelloKeys: []tls.EncryptedClientHelloKey{
			{Config: ech, PrivateKey: private.Bytes(), SendAsRetry: retry == "true"},
		},
	}
	listener := must(net.Listen("tcp", "127.0.0.1:"+port))
	for {
		conn := must(listener.Accept())
		go answer(tls.Server(conn, settings))
	}
}
