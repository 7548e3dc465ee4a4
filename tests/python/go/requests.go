// requests makes a request with each kind of key that Go has, or verifies a
// chain as Go does.
//
//	requests make FOLDER         writes KIND.csr in DER
//	requests verify ROOT CHAIN NAME
package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func makeRequests(folder string) {
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	must(ed, err)
	keys := map[string]crypto.Signer{
		"ecdsa-p256": must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)),
		"ecdsa-p384": must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)),
		"ecdsa-p521": must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader)),
		"ed25519":    ed,
		"rsa-2048":   must(rsa.GenerateKey(rand.Reader, 2048)),
	}
	template := &x509.CertificateRequest{
		Subject: pkix.Name{
			CommonName:         "go.example",
			OrganizationalUnit: []string{"b", "a"},
		},
		DNSNames:    []string{"go.example"},
		IPAddresses: []net.IP{net.ParseIP("192.0.2.7")},
		ExtraExtensions: []pkix.Extension{
			{Id: asn1.ObjectIdentifier{1, 2, 3, 4, 5}, Value: []byte{4, 2, 1, 2}},
		},
	}
	for name, key := range keys {
		der := must(x509.CreateCertificateRequest(rand.Reader, template, key))
		if err := os.WriteFile(filepath.Join(folder, name+".csr"), der, 0o644); err != nil {
			log.Fatal(err)
		}
	}
	template.SignatureAlgorithm = x509.SHA384WithRSAPSS
	der := must(x509.CreateCertificateRequest(rand.Reader, template, keys["rsa-2048"]))
	if err := os.WriteFile(filepath.Join(folder, "pss.csr"), der, 0o644); err != nil {
		log.Fatal(err)
	}
}

func certificates(path string) []*x509.Certificate {
	var all []*x509.Certificate
	rest := must(os.ReadFile(path))
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return all
		}
		all = append(all, must(x509.ParseCertificate(block.Bytes)))
	}
}

func verify(root, chain, name string) {
	roots, others := x509.NewCertPool(), x509.NewCertPool()
	for _, cert := range certificates(root) {
		roots.AddCert(cert)
	}
	shown := certificates(chain)
	for _, cert := range shown[1:] {
		others.AddCert(cert)
	}
	paths := must(shown[0].Verify(x509.VerifyOptions{
		DNSName: name, Roots: roots, Intermediates: others,
	}))
	fmt.Println(len(paths[0]))
}

func main() {
	switch os.Args[1] {
	case "make":
		makeRequests(os.Args[2])
	case "verify":
		verify(os.Args[2], os.Args[3], os.Args[4])
	}
}
