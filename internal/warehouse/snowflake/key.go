package snowflake

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/pbkdf2"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"hash"
)

// privateKey reads an RSA key in PEM: PKCS #1, PKCS #8, or PKCS #8 encrypted with a passphrase.
// Errors tell nothing of the key.
func privateKey(text []byte, passphrase string) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("it is not a key in PEM: it should begin with -----BEGIN PRIVATE KEY----- or -----BEGIN ENCRYPTED PRIVATE KEY-----")
	}
	der := block.Bytes
	switch block.Type {
	case "RSA PRIVATE KEY":
		key, err := x509.ParsePKCS1PrivateKey(der)
		if err != nil {
			return nil, errors.New("it is not an RSA key in PKCS #1 without encryption: convert it with openssl pkcs8 -topk8")
		}
		return key, nil
	case "ENCRYPTED PRIVATE KEY":
		if passphrase == "" {
			return nil, errors.New("it is encrypted: write private_key_passphrase")
		}
		var err error
		if der, err = decrypt(der, passphrase); err != nil {
			return nil, err
		}
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		if block.Type == "ENCRYPTED PRIVATE KEY" {
			return nil, errPassphrase
		}
		return nil, errors.New("it is not a key in PKCS #8")
	}
	out, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("it is not an RSA key, which Snowflake asks for")
	}
	return out, nil
}

var errPassphrase = errors.New("private_key_passphrase does not open it")

// The structures of an encrypted key: RFC 5958 (EncryptedPrivateKeyInfo) with PBES2 of RFC 8018.
type (
	encryptedKey struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}
	pbes2      struct{ Derivation, Cipher pkix.AlgorithmIdentifier }
	derivation struct {
		Salt       []byte
		Iterations int
		Length     int                      `asn1:"optional"`
		Hash       pkix.AlgorithmIdentifier `asn1:"optional"`
	}
)

var (
	oidPBES2  = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}
	oidPBKDF2 = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 12}
)

// hashes of PBKDF2 by identifier; the default is HMAC with SHA-1.
var hashes = map[string]func() hash.Hash{
	"": sha1.New, "1.2.840.113549.2.7": sha1.New, "1.2.840.113549.2.9": sha256.New, "1.2.840.113549.2.10": sha512.New384, "1.2.840.113549.2.11": sha512.New,
}

// ciphers in CBC mode by identifier, with the length of the key in bytes.
var ciphers = map[string]struct {
	size int
	make func([]byte) (cipher.Block, error)
}{
	"1.2.840.113549.3.7":      {24, des.NewTripleDESCipher},
	"2.16.840.1.101.3.4.1.2":  {16, aes.NewCipher},
	"2.16.840.1.101.3.4.1.22": {24, aes.NewCipher},
	"2.16.840.1.101.3.4.1.42": {32, aes.NewCipher},
}

func decrypt(der []byte, passphrase string) ([]byte, error) {
	unknown := errors.New("it is encrypted in a way that is not known here: convert it with openssl pkcs8 -topk8 -v2 aes256")
	var key encryptedKey
	var how pbes2
	var kdf derivation
	if rest, err := asn1.Unmarshal(der, &key); err != nil || len(rest) > 0 || !key.Algorithm.Algorithm.Equal(oidPBES2) {
		return nil, unknown
	}
	if _, err := asn1.Unmarshal(key.Algorithm.Parameters.FullBytes, &how); err != nil || !how.Derivation.Algorithm.Equal(oidPBKDF2) {
		return nil, unknown
	}
	if _, err := asn1.Unmarshal(how.Derivation.Parameters.FullBytes, &kdf); err != nil {
		return nil, unknown
	}
	h, known := hashes[kdf.Hash.Algorithm.String()]
	c, ok := ciphers[how.Cipher.Algorithm.String()]
	var iv []byte
	if _, err := asn1.Unmarshal(how.Cipher.Parameters.FullBytes, &iv); err != nil || !known || !ok || kdf.Iterations < 1 {
		return nil, unknown
	}
	secret, err := pbkdf2.Key(h, passphrase, kdf.Salt, kdf.Iterations, c.size)
	if err != nil {
		return nil, unknown
	}
	block, err := c.make(secret)
	if err != nil || len(iv) != block.BlockSize() || len(key.Data) == 0 || len(key.Data)%block.BlockSize() != 0 {
		return nil, unknown
	}
	out := make([]byte, len(key.Data))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(out, key.Data)
	pad := int(out[len(out)-1])
	if pad < 1 || pad > block.BlockSize() {
		return nil, errPassphrase
	}
	return out[:len(out)-pad], nil
}
