/**
 * Certificates for the tests of TLS, good until 2126 and for nothing else. Made in an empty folder by:
 *
 * ```sh
 * openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 36500 \
 *   -subj "/CN=Samsa test authority" -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
 * sign() {
 *   openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $1.key -out $1.csr -subj "/CN=$1"
 *   printf "basicConstraints=CA:FALSE\n$2\n" > $1.ext
 *   openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 36500 -extfile $1.ext -out $1.pem
 * }
 * sign server subjectAltName=DNS:localhost,IP:127.0.0.1
 * sign other subjectAltName=DNS:broker.example
 * sign client extendedKeyUsage=clientAuth
 * ```
 */

/** The authority that signed the three below. */
export const authority: string = `\
-----BEGIN CERTIFICATE-----
MIIBpDCCAUugAwIBAgIUOk88VFvBYQRyvlPrzrzcv/gVadcwCgYIKoZIzj0EAwIw
HzEdMBsGA1UEAwwUU2Ftc2EgdGVzdCBhdXRob3JpdHkwIBcNMjYxMTI0MDgyMjAz
WhgPMjEyNjEwMzEwODIyMDNaMB8xHTAbBgNVBAMMFFNhbXNhIHRlc3QgYXV0aG9y
aXR5MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE4kFLf11pagRJrg6ggh3CatYT
VBJYuMcL7ZgbhlJ29qNNv4RsGVHyPyFxjgidrpWPvAuA3EZ/PXOdNuCUCRoMbKNj
MGEwHQYDVR0OBBYEFAf6QEh0q4IdE41qo39vxTwMePXnMB8GA1UdIwQYMBaAFAf6
QEh0q4IdE41qo39vxTwMePXnMA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQD
AgIEMAoGCCqGSM49BAMCA0cAMEQCIF8aEJLMAGa11jS9a78ZWhz2Dz3cIJhzne50
ZM+RlotiAiAvAFODArFs3PEj3yCyW1Qx1pqZLDbYJoYTqYmvmzlapg==
-----END CERTIFICATE-----
`;

/** A certificate and its key. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
}

/** A server by the names localhost and 127.0.0.1. */
export const server: Identity = {
  cert: `\
-----BEGIN CERTIFICATE-----
MIIBnjCCAUOgAwIBAgIUEQRBCwqwx4k+CiX3rxtQ6ijAw38wCgYIKoZIzj0EAwIw
HzEdMBsGA1UEAwwUU2Ftc2EgdGVzdCBhdXRob3JpdHkwIBcNMjYxMTI0MDgyMjA0
WhgPMjEyNjEwMzEwODIyMDRaMBExDzANBgNVBAMMBnNlcnZlcjBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABGhp13W9OutqUOLYYtIBrd4vCda0B6zFBAcRioFbbYMX
peAeQrMoq4gCdE8PCF05z0/3YepG5WRGIFLx7isNqDyjaTBnMAkGA1UdEwQCMAAw
GgYDVR0RBBMwEYIJbG9jYWxob3N0hwR/AAABMB0GA1UdDgQWBBQYu42l+2SbTz7d
GEMLpEasizUxaDAfBgNVHSMEGDAWgBQH+kBIdKuCHRONaqN/b8U8DHj15zAKBggq
hkjOPQQDAgNJADBGAiEAywyc7gz2giGlnAwS/3bE8hzwfkLVF4jJeBx/qcbxfvUC
IQDUP39QF5gMu/KrLuNYm6y+jtddPI8eZcKYW368LKa83g==
-----END CERTIFICATE-----
`,
  key: `\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjNlUgXXZzV0UZhGD
XO68baPWwHWDGMUtSxQ1F+KUcvqhRANCAARoadd1vTrralDi2GLSAa3eLwnWtAes
xQQHEYqBW22DF6XgHkKzKKuIAnRPDwhdOc9P92HqRuVkRiBS8e4rDag8
-----END PRIVATE KEY-----
`,
};

/** A server by another name, broker.example. */
export const otherServer: Identity = {
  cert: `\
-----BEGIN CERTIFICATE-----
MIIBnDCCAUGgAwIBAgIUEQRBCwqwx4k+CiX3rxtQ6ijAw4AwCgYIKoZIzj0EAwIw
HzEdMBsGA1UEAwwUU2Ftc2EgdGVzdCBhdXRob3JpdHkwIBcNMjYxMTI0MDgyMjA0
WhgPMjEyNjEwMzEwODIyMDRaMBAxDjAMBgNVBAMMBW90aGVyMFkwEwYHKoZIzj0C
AQYIKoZIzj0DAQcDQgAEHrsJfXRelseR+OKX1mdtkZr+D7uJmIXblNpo8x8SyScb
LiFUg5xCVQ5++16fAZW+mbHMiTta4TK+YqTXA7chvKNoMGYwCQYDVR0TBAIwADAZ
BgNVHREEEjAQgg5icm9rZXIuZXhhbXBsZTAdBgNVHQ4EFgQUR7rk8VC+YOvFTM21
pd84S+7b9gwwHwYDVR0jBBgwFoAUB/pASHSrgh0TjWqjf2/FPAx49ecwCgYIKoZI
zj0EAwIDSQAwRgIhALQaoPIBWoOCryOHJqVSUc1XuCJSU56lWxOsvKXB4/81AiEA
3kPGb5BSo5bVV9G4O6ZMjDAkDUgNAl3ulwJPbGEGgA4=
-----END CERTIFICATE-----
`,
  key: `\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgyiIjiB2C5b+BghAC
5M4JZBGbjmZlHvlCeFguBMbMd8ihRANCAAQeuwl9dF6Wx5H44pfWZ22Rmv4Pu4mY
hduU2mjzHxLJJxsuIVSDnEJVDn77Xp8Blb6ZscyJO1rhMr5ipNcDtyG8
-----END PRIVATE KEY-----
`,
};

/** A client. */
export const client: Identity = {
  cert: `\
-----BEGIN CERTIFICATE-----
MIIBljCCATygAwIBAgIUEQRBCwqwx4k+CiX3rxtQ6ijAw4EwCgYIKoZIzj0EAwIw
HzEdMBsGA1UEAwwUU2Ftc2EgdGVzdCBhdXRob3JpdHkwIBcNMjYxMTI0MDgyMjA0
WhgPMjEyNjEwMzEwODIyMDRaMBExDzANBgNVBAMMBmNsaWVudDBZMBMGByqGSM49
AgEGCCqGSM49AwEHA0IABG4SzVJCIOZKdriaX4lkKQin+FWnqyl7VnEFWwIMDgD6
terTcYUbmeZmZp7CnUF+CvzbBNijq7JoduLKPUtIR3OjYjBgMAkGA1UdEwQCMAAw
EwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0OBBYEFCK2AJI6wPpedCJX0CrmhpSq
10VqMB8GA1UdIwQYMBaAFAf6QEh0q4IdE41qo39vxTwMePXnMAoGCCqGSM49BAMC
A0gAMEUCIQCAEODLm25zSnOa2Y3CBdcSKMkTRXVBbfD2iJmoxp/jPQIgEv4n15Ge
EtuRuOS5bZPWs70fDB6VIZdX+/Yrj97wwco=
-----END CERTIFICATE-----
`,
  key: `\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgT045H4HPfYIa0ykS
fnsQhKR3AGeY4iww5SrpANAiPbShRANCAARuEs1SQiDmSna4ml+JZCkIp/hVp6sp
e1ZxBVsCDA4A+rXq03GFG5nmZmaewp1Bfgr82wTYo6uyaHbiyj1LSEdz
-----END PRIVATE KEY-----
`,
};
