"""Accepted and refused certificate chains, each judged by tlsmith's C library, its
native Python, `tlsmith.ssl`, and OpenSSL.

`rows` runs a table, `judges` asks each verifier, `pki` builds certificates and CRLs,
and `der` encodes what no certificate library agrees to build.  The tables are in the
test files, one subject each.
"""
