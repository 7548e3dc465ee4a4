"""Certificate policies (RFC 5280, section 6.1), where any policy will do.

OpenSSL checks them only when it is told, which `ssl` cannot: the reference is
`openssl verify`.
"""

from . import names
from .pki import intermediate, leaf, root
from .rows import OK, Row, check, table

ONE, TWO, ANY = "1.3.6.1.4.1.55738.10", "1.3.6.1.4.1.55738.11", names.ANY_POLICY
POLICY_CHECK = ("-policy_check", "-policy", ANY)
NO_POLICY = {"tlsmith": "constraint", "openssl": "NO_EXPLICIT_POLICY"}
SATISFIED = {"tlsmith": OK, "openssl": OK}

policies = names.certificate_policies
REQUIRED = names.policy_constraints(require_explicit=0)


def path(name, *, sub=(), end=(), top=(), rfc="5280, 6.1", expected, **options):
    """Return a row in which root, intermediate and leaf have these policy extensions."""
    anchor = root(*top)
    middle = intermediate(anchor, *sub)
    chain = [leaf(middle, *end), middle]
    reference = {"by_verify": True, "verify_options": POLICY_CHECK}
    return Row(name, rfc, chain, [anchor], **expected, **reference, **options)


# fmt: off
ROWS = [
    path("policies_that_nobody_requires", sub=[policies(ONE)], end=[policies(ONE)],
         expected=SATISFIED),
    path("different_policies_that_nobody_requires", sub=[policies(ONE)], end=[policies(TWO)],
         expected=SATISFIED),
    path("critical_policies", sub=[policies(ONE, critical=True)],
         end=[policies(ONE, critical=True)], rfc="5280, 4.2.1.4", expected=SATISFIED),
    path("critical_policies_of_leaf", end=[policies(ONE, critical=True)],
         rfc="5280, 4.2.1.4", expected=SATISFIED),
    path("critical_policies_of_root", top=[policies(ONE, critical=True)],
         rfc="5280, 4.2.1.4", expected=SATISFIED),
    path("critical_policies_of_client", end=[policies(ONE, critical=True)],
         rfc="5280, 4.2.1.4", expected=SATISFIED, usage="client"),
    path("required_policy_that_is_there", sub=[policies(ONE), REQUIRED], end=[policies(ONE)],
         rfc="5280, 4.2.1.11", expected=SATISFIED),
    path("required_policy_that_is_missing", sub=[policies(ONE), REQUIRED],
         rfc="5280, 4.2.1.11", expected=NO_POLICY),
    path("required_policy_of_client_that_is_missing", sub=[policies(ONE), REQUIRED],
         rfc="5280, 4.2.1.11", expected=NO_POLICY, usage="client"),
    path("required_policy_that_is_another", sub=[policies(ONE), REQUIRED], end=[policies(TWO)],
         rfc="5280, 4.2.1.11", expected=NO_POLICY),
    path("required_policy_below_any_policy", sub=[policies(ANY), REQUIRED],
         end=[policies(ONE)], rfc="5280, 4.2.1.11", expected=SATISFIED),
    path("required_policy_of_authority_without_any", sub=[REQUIRED], end=[policies(ONE)],
         rfc="5280, 4.2.1.11", expected=NO_POLICY),
    path("required_policy_only_further_down",
         sub=[policies(ONE), names.policy_constraints(require_explicit=1)],
         rfc="5280, 4.2.1.11", expected=NO_POLICY),
    path("required_policy_out_of_reach",
         sub=[policies(ONE), names.policy_constraints(require_explicit=2)],
         rfc="5280, 4.2.1.11", expected=SATISFIED),
    path("policy_required_by_leaf_itself", sub=[policies(ONE)],
         end=[policies(ONE), names.policy_constraints(require_explicit=0)],
         rfc="5280, 6.1.5 (b)", expected=SATISFIED),
    path("any_policy_of_leaf", sub=[policies(ONE), REQUIRED], end=[policies(ANY)],
         rfc="5280, 4.2.1.14", expected=SATISFIED),
    path("any_policy_of_leaf_that_is_inhibited",
         sub=[policies(ONE), REQUIRED, names.inhibit_any_policy(0)], end=[policies(ANY)],
         rfc="5280, 4.2.1.14", expected=NO_POLICY),
    path("any_policy_inhibited_further_down",
         sub=[policies(ONE), REQUIRED, names.inhibit_any_policy(1)], end=[policies(ANY)],
         rfc="5280, 4.2.1.14", expected=SATISFIED),
    path("any_policy_inhibited_where_none_is_required",
         sub=[policies(ONE), names.inhibit_any_policy(0)], end=[policies(ONE)],
         rfc="5280, 4.2.1.14", expected=SATISFIED),
    path("mapped_policy", sub=[policies(ONE), names.policy_mappings((ONE, TWO)), REQUIRED],
         end=[policies(TWO)], rfc="5280, 4.2.1.5", expected=SATISFIED),
    path("mapped_policy_under_its_old_name",
         sub=[policies(ONE), names.policy_mappings((ONE, TWO)), REQUIRED], end=[policies(ONE)],
         rfc="5280, 4.2.1.5", expected=NO_POLICY),
    path("mapping_that_nobody_requires",
         sub=[policies(ONE), names.policy_mappings((ONE, TWO))], end=[policies(TWO)],
         rfc="5280, 4.2.1.5", expected=SATISFIED),
    path("mapping_of_any_policy",
         sub=[policies(ANY), names.policy_mappings((ANY, TWO))], end=[policies(TWO)],
         rfc="5280, 6.1.4 (a)",
         expected={"tlsmith": "malformed",
                   "openssl": "INVALID_POLICY_EXTENSION"}),
    path("malformed_policies_of_leaf", end=[names.raw(policies(ONE), b"\x05\x00")],
         rfc="5280, 4.2.1.4",
         expected={"tlsmith": "malformed",
                   "openssl": "INVALID_POLICY_EXTENSION INVALID_EXTENSION"}),
]
# fmt: on


@table(*ROWS)
def test_policies(row, driver, tmp_path):
    check(row, driver, tmp_path)
