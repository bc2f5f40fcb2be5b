"""The report: one page that tells all a run found out, in the order a careful person asks.

Called by the run, which stores it in the artifact.
"""

from tradinglab_trainer.evidence import Evidence


def render(evidence: Evidence) -> bytes:
    """HTML in UTF-8 that needs neither network nor scripts; the same evidence, the same bytes."""
    # matplotlib takes memory that the training before needs
    from tradinglab_trainer.report.page import assemble

    return assemble(evidence).encode()
