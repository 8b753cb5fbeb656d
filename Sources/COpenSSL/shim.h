// features.h comes first: without it fd_set is declared by two modules and they clash.
#include <features.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

// Swift imports neither macros that take arguments nor varargs, and the callbacks below are called from within OpenSSL only.

// --- Bytes: one read and one write of the socket for any number of records. ---

/// What a worker's connections read from and write to, one after another, while OpenSSL is called.
typedef struct {
  const unsigned char *input;
  size_t input_count;
  unsigned char *output;
  size_t output_count;
  size_t output_capacity;
} larder_tls_bytes;

static inline int larder_tls_read(BIO *bio, char *into, int count) {
  larder_tls_bytes *bytes = (larder_tls_bytes *)BIO_get_data(bio);
  BIO_clear_flags(bio, BIO_FLAGS_RWS | BIO_FLAGS_SHOULD_RETRY);
  if (bytes->input_count == 0) {
    BIO_set_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY);
    return -1;
  }
  if ((size_t)count > bytes->input_count) count = (int)bytes->input_count;
  memcpy(into, bytes->input, (size_t)count);
  bytes->input += count;
  bytes->input_count -= (size_t)count;
  return count;
}

/// Takes everything: what is written in one call of OpenSSL is bounded by what it was given.
static inline int larder_tls_write(BIO *bio, const char *from, int count) {
  larder_tls_bytes *bytes = (larder_tls_bytes *)BIO_get_data(bio);
  BIO_clear_flags(bio, BIO_FLAGS_RWS | BIO_FLAGS_SHOULD_RETRY);
  if (bytes->output_count + (size_t)count > bytes->output_capacity) {
    size_t capacity = 2 * (bytes->output_count + (size_t)count);
    unsigned char *larger = (unsigned char *)realloc(bytes->output, capacity);
    if (!larger) return -1;
    bytes->output = larger;
    bytes->output_capacity = capacity;
  }
  memcpy(bytes->output + bytes->output_count, from, (size_t)count);
  bytes->output_count += (size_t)count;
  return count;
}

static inline long larder_tls_control(BIO *bio, int command, long number, void *pointer) {
  (void)bio, (void)number, (void)pointer;
  return command == BIO_CTRL_FLUSH;
}

static inline int larder_tls_create(BIO *bio) {
  BIO_set_init(bio, 1);
  return 1;
}

/// A kind of BIO for a whole process.
static inline BIO_METHOD *larder_tls_method(void) {
  BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "larder");
  if (!method) return NULL;
  BIO_meth_set_read(method, larder_tls_read);
  BIO_meth_set_write(method, larder_tls_write);
  BIO_meth_set_ctrl(method, larder_tls_control);
  BIO_meth_set_create(method, larder_tls_create);
  return method;
}

// --- Session tickets (RFC 5077 §4): the first key encrypts, all decrypt. ---

#define LARDER_TLS_TICKET_KEYS 16

typedef struct {
  unsigned char name[16];
  unsigned char mac[32];
  unsigned char cipher[32];
} larder_tls_ticket_key;

typedef struct {
  larder_tls_ticket_key keys[LARDER_TLS_TICKET_KEYS];
  int count;
} larder_tls_ticket_keys;

static inline int larder_tls_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                                    EVP_MAC_CTX *mac, int encrypts) {
  larder_tls_ticket_keys *keys = (larder_tls_ticket_keys *)SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
  int index = 0;
  OSSL_PARAM parameters[3];
  if (!keys || keys->count == 0) return 0;
  if (encrypts) {
    if (RAND_bytes(iv, EVP_MAX_IV_LENGTH) <= 0) return -1;
    memcpy(name, keys->keys[0].name, 16);
  } else {
    while (index < keys->count && memcmp(keys->keys[index].name, name, 16) != 0) index++;
    if (index == keys->count) return 0;
  }
  larder_tls_ticket_key *key = &keys->keys[index];
  parameters[0] = OSSL_PARAM_construct_octet_string("key", key->mac, sizeof key->mac);
  parameters[1] = OSSL_PARAM_construct_utf8_string("digest", (char *)"sha256", 0);
  parameters[2] = OSSL_PARAM_construct_end();
  if (!EVP_MAC_CTX_set_params(mac, parameters)) return -1;
  if (!EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher, iv, encrypts)) return -1;
  // 2: valid, and to be replaced by one of the first key; in TLS 1.3 always, since a client uses a ticket once (RFC 8446 C.4).
  return encrypts || (index == 0 && SSL_version(ssl) < TLS1_3_VERSION) ? 1 : 2;
}

static inline void larder_tls_use_tickets(SSL_CTX *context, larder_tls_ticket_keys *keys) {
  SSL_CTX_set_app_data(context, keys);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, larder_tls_ticket);
}

// --- Macros ---

/// What no connection has, and that the server's order of ciphers counts.
static inline void larder_tls_set_options(SSL_CTX *context) {
  (void)SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                         SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
}
/// The groups of a key exchange, in order of preference.
static inline int larder_tls_set_groups(SSL_CTX *context, const char *names) {
  return (int)SSL_CTX_set1_groups_list(context, (char *)names);
}
static inline int larder_tls_set_minimum(SSL_CTX *context, int version) {
  return (int)SSL_CTX_set_min_proto_version(context, version);
}
static inline void larder_tls_no_session_cache(SSL_CTX *context) {
  (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}
static inline void larder_tls_client_session_cache(SSL_CTX *context) {
  (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
}
static inline int larder_tls_set_server_name(SSL *ssl, const char *name) {
  return (int)SSL_set_tlsext_host_name(ssl, (char *)name);
}
static inline void larder_tls_on_server_name(SSL_CTX *context, int (*callback)(SSL *, int *, void *), void *argument) {
  (void)SSL_CTX_set_tlsext_servername_callback(context, callback);
  (void)SSL_CTX_set_tlsext_servername_arg(context, argument);
}
static inline int larder_tls_add_chain(SSL_CTX *context, X509 *certificate) {
  return (int)SSL_CTX_add1_chain_cert(context, certificate);
}
static inline void larder_tls_free_names(STACK_OF(GENERAL_NAME) *names) { GENERAL_NAMES_free(names); }
static inline int larder_tls_count_names(const STACK_OF(GENERAL_NAME) *names) { return sk_GENERAL_NAME_num(names); }
/// The text of a name for hosts; NULL where it is of another kind.
static inline const ASN1_STRING *larder_tls_host_name(const STACK_OF(GENERAL_NAME) *names, int index) {
  const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
  return name->type == GEN_DNS ? name->d.dNSName : NULL;
}
static inline STACK_OF(GENERAL_NAME) *larder_tls_names(const X509 *certificate) {
  return (STACK_OF(GENERAL_NAME) *)X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
}
static inline int larder_tls_reason(unsigned long error) { return ERR_GET_REASON(error); }
static inline int larder_tls_library(unsigned long error) { return ERR_GET_LIB(error); }
static inline void larder_tls_set_context(SSL *ssl, SSL_CTX *context) { (void)SSL_set_SSL_CTX(ssl, context); }
