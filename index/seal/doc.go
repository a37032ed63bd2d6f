// Package seal makes the keys of a repository and the ciphers of everything in it.
//
//	password     --Argon2id--> slot key --unwraps--\
//	recovery key --HKDF------> slot key --unwraps----> root key --opens--> keyring
//	identity     --age file-------------unwraps----/
//
//	keyring: master keys, numbered --HKDF(label, repository, name or pack, salt)--> one key for each object
//	keyring: ID key, for ever      --HKDF(label)--> block IDs, node hashes, digests, machine tags
//
// An encrypted repository seals with AES-256-GCM. One without encryption uses the same places with a 16-byte XXH3-128
// over the associated data and the bytes instead of a tag: it notices damage, not forgery.
//
// A Ring is the keys of an opened repository. When it meets a master key that it does not know, it loads the keyring again:
// keys may be rotated while it is in use.
//
// Invariants: every object has a key of its own, by a fresh salt, so nonces only count what is inside it; what a piece
// is bound to (kind, repository, name or address) is in its associated data; no secret is in an error.
package seal
