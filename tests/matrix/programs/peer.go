// peer is a client or a server with Go's crypto/tls, for one cell of the matrix.
//
//	peer client PORT TIMES MUTUAL   sends the file "request" to localhost on each of
//	                                TIMES connections, writes the responses to
//	                                "answer-0" and so on, and prints what it sees
//	peer server MUTUAL              prints its port, and answers each request with its
//	                                body and what it sees
//
// The files ca.pem, cert.pem and key.pem are in the working directory.
package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strconv"
	"strings"
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

type seen struct {
	Version string  `json:"version"`
	Resumed bool    `json:"resumed"`
	Client  *string `json:"client"`
}

// facts are what this side sees; a client does not see its own certificate.
func facts(conn *tls.Conn, isServer bool) string {
	state := conn.ConnectionState()
	version := strings.TrimPrefix(tls.VersionName(state.Version), "TLS ")
	told := seen{Version: version, Resumed: state.DidResume}
	untold := "untold"
	if !isServer {
		told.Client = &untold
	} else if len(state.PeerCertificates) > 0 {
		subject := state.PeerCertificates[0].Subject.String()
		told.Client = &subject
	}
	return string(must(json.Marshal(told)))
}

func client(settings *tls.Config, port string, times int) {
	request := must(os.ReadFile("request"))
	settings.ServerName = "localhost"
	settings.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	for i := range times {
		conn := must(tls.Dial("tcp", "127.0.0.1:"+port, settings))
		must(conn.Write(request))
		answer := must(io.ReadAll(conn))
		if err := os.WriteFile(fmt.Sprintf("answer-%d", i), answer, 0o644); err != nil {
			log.Fatal(err)
		}
		fmt.Println(facts(conn, false))
		conn.Close()
	}
}

// body reads a request to the end of its body.
func body(conn *tls.Conn) ([]byte, error) {
	reader := bufio.NewReader(conn)
	size := 0
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			return nil, err
		}
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == "" {
			break
		}
		if strings.EqualFold(name, "Content-Length") {
			size = must(strconv.Atoi(strings.TrimSpace(value)))
		}
	}
	content := make([]byte, size)
	_, err := io.ReadFull(reader, content)
	return content, err
}

func answer(conn *tls.Conn) {
	defer conn.Close()
	content, err := body(conn)
	if err != nil {
		log.Print(err)
		return
	}
	response := bytes.NewBufferString("HTTP/1.1 200 OK\r\n")
	fmt.Fprintf(response, "Content-Length: %d\r\n", len(content))
	fmt.Fprintf(response, "X-Seen: %s\r\n\r\n", facts(conn, true))
	response.Write(content)
	if _, err := conn.Write(response.Bytes()); err != nil {
		log.Print(err)
	}
}

func main() {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(must(os.ReadFile("ca.pem")))
	settings := &tls.Config{RootCAs: roots, ClientCAs: roots}
	isMutual := os.Args[len(os.Args)-1] == "true"
	if isMutual || os.Args[1] == "server" {
		own := must(tls.LoadX509KeyPair("cert.pem", "key.pem"))
		settings.Certificates = []tls.Certificate{own}
	}
	if os.Args[1] == "client" {
		client(settings, os.Args[2], must(strconv.Atoi(os.Args[3])))
		return
	}
	if isMutual {
		settings.ClientAuth = tls.RequireAndVerifyClientCert
	}
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	for {
		conn := must(listener.Accept())
		go answer(tls.Server(conn, settings))
	}
}
