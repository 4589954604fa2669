//go:build linux

package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
)

// requestBytes is the length of the request, whatever the token's.
const requestBytes = 978

// clientID and clientSecret are those of the contract in the manifest.
const (
	clientID     = "5f0a3c1e9b7d4826"
	clientSecret = "c2VjcmV0LW9mLXRoZS1iZW5jaA"
)

// newRequest is the one request that all targets get: a GET with three query
// parameters and the headers of a browser, a client and its token.
func newRequest(token string) string {
	request := "GET /api/v1/orders?limit=50&sort=desc&customer=4711 HTTP/1.1\r\n" +
		"Host: api.example.com\r\n" +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36\r\n" +
		"Accept: application/json, text/plain, */*\r\n" +
		"Accept-Encoding: gzip, deflate, br\r\n" +
		"Accept-Language: en-GB,en;q=0.9\r\n" +
		"Sec-Fetch-Mode: cors\r\n" +
		"client_id: " + clientID + "\r\n" +
		"client_secret: " + clientSecret + "\r\n" +
		"Authorization: Bearer " + token + "\r\n" +
		"Cookie: session="
	return request + strings.Repeat("x", max(1, requestBytes-len(request)-4)) + "\r\n\r\n"
}

// newToken makes a key and a token signed with it (RS256, without an end), and
// gives the public key as PEM without its first and last line.
func newToken() (token, publicKey string, err error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", "", fmt.Errorf("making a key: %w", err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + encode([]byte(`{"sub":"bench","client_id":"`+clientID+`"}`))
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", "", fmt.Errorf("signing a token: %w", err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return "", "", fmt.Errorf("writing the public key: %w", err)
	}
	block := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	lines := strings.Split(strings.TrimSpace(block), "\n")
	return signed + "." + encode(signature), strings.Join(lines[1:len(lines)-1], ""), nil
}
