"""Data Docs without network access: remote scripts, styles and images are removed, and a style sheet is embedded."""

import re
from pathlib import Path

_STYLES = """
:root { color-scheme: light dark; }
body { margin: 0 auto; max-width: 70rem; padding: 1rem; font: 15px/1.5 system-ui, sans-serif; }
h1, h2, h3, h4, h5 { line-height: 1.25; margin: 1rem 0 .5rem; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 1rem; }
th, td { border: 1px solid #9aa5b155; padding: .35rem .6rem; text-align: left; vertical-align: top; }
ul { padding-left: 1.2rem; }
a { color: #2563a8; }
.row { display: flex; flex-wrap: wrap; gap: 1rem; }
.col-lg-2, .col-md-2, .navigation { flex: 0 0 14rem; }
[class*="col-lg-10"], [class*="col-md-10"], .col-8, .col-md-8 { flex: 1; min-width: 0; }
.card, .alert { border: 1px solid #9aa5b155; border-radius: .4rem; padding: .6rem 1rem; margin-bottom: 1rem; }
.text-success, .fa-check-circle { color: #1a7f37; }
.text-danger, .fa-times { color: #b42318; }
.fa-check-circle::before { content: "\\2713 "; }
.fa-times::before { content: "\\2717 "; }
.badge { border: 1px solid currentColor; border-radius: .6rem; padding: 0 .45rem; font-size: .85em; }
.breadcrumb { display: flex; gap: .5rem; list-style: none; padding: 0; }
.collapse:not(.show), [data-toggle="collapse"], .d-none, .modal, footer, form, .btn { display: none !important; }
pre { overflow: auto; }
"""

# Elements that load remote resources, and remote URLs inside styles.
_REMOTE = (
    re.compile(r"<script[^>]*\bsrc=\"https?://[^\"]*\"[^>]*>\s*</script>", re.S),
    re.compile(r"<link\b[^>]*\bhref=\"https?://[^\"]*\"[^>]*/?>", re.S),
    re.compile(r"<img\b[^>]*\bsrc=\"https?://[^\"]*\"[^>]*/?>", re.S),
    re.compile(r"url\('https?://[^']*'\)"),
)


def make_self_contained(docs: Path) -> None:
    """Rewrite every page below a Data Docs folder; ordinary links are kept."""
    for page in docs.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for pattern in _REMOTE:
            text = pattern.sub("", text)
        page.write_text(text.replace("</head>", f"<style>{_STYLES}</style>\n</head>", 1), encoding="utf-8")
