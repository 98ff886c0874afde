"""Pages of docs/how-to work as they are printed: typed into one shell in an empty folder, they print what they show."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = sorted((DOCS / "how-to").glob("*.md"))

pytestmark = [
    pytest.mark.skipif(not DOCS.exists(), reason="not in a checkout"),
    pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash to type into"),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_works_as_it_is_printed(pages: ModuleType, page: Path, tmp_path: Path) -> None:
    if page.stem == "stop-and-resume" and not shutil.which("timeout"):
        pytest.skip("there is no timeout to send signals with")
    assert pages.run_page(page, tmp_path) >= 1


WRONG = {
    "another output": "```bash\necho one\n```\n```text\ntwo\n```\n",
    "another order": "```bash\necho one; echo two\n```\n```text\ntwo\none\n```\n",
    "another exit code": "<!-- exit 3 -->\n```bash\nexit_with() { return $1; }; exit_with 4\n```\n",
    "a command that fails before the last": "```bash\nfalse\ntrue\n```\n",
    "a failure that should be": "<!-- exit 3 -->\n```bash\ntrue\n```\n",
    "the shell's end": "```bash\nexit 0\n```\n```bash\necho\n```\n",
    "a file without a name": "Some code:\n\n```python\n1\n```\n",
}


@pytest.mark.parametrize("page", WRONG.values(), ids=WRONG.keys())
def test_a_page_that_says_what_does_not_happen_is_found(pages: ModuleType, page: str, tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text(page)
    with pytest.raises(pages.PageError):
        pages.run_page(tmp_path / "page.md", tmp_path)


def test_files_variables_and_folders_stay_from_block_to_block(pages: ModuleType, tmp_path: Path) -> None:
    page = """Say it in `sub/hello.py`:

```python
print("hello", 8765)
```

<!-- not run: it would fail -->
```bash
false
```

```bash
cd sub; word=world
```

<!-- exit 2 -->
```bash
python3 hello.py; echo "$word"
(exit 2)
```
```text
hello …
…
world
```
"""
    (tmp_path / "page.md").write_text(page)
    assert pages.run_page(tmp_path / "page.md", tmp_path) == 1
    assert (tmp_path / "sub" / "hello.py").is_file()
