"""Tables of certificate chains that are accepted or refused.

tlsmith's C library, its native Python and `tlsmith.ssl` verify each chain, and so does
OpenSSL as the reference.  `rows` runs a table, `verifiers` runs each verifier, `pki`
builds certificates and CRLs, and `names` and `der` encode them, including encodings that
no certificate library produces.  Each test file holds the tables of one subject.
"""
