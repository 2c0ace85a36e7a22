"""check_page.py FOLDER: index.html is well formed, needs nothing from elsewhere, and names exactly the pictures beside it.
check_page.py FILE.html: it is well formed and needs nothing from elsewhere, no picture either."""
import html.parser
import os
import sys

VOID = {"meta", "link", "img", "br"}


class Checker(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.pictures, self.ids, self.anchors = [], [], set(), []

    def handle_starttag(self, tag, attributes):
        if tag not in VOID:
            self.open.append(tag)
        values = dict(attributes)
        assert len(values) == len(attributes), f"<{tag}> names an attribute twice"
        assert tag != "script" and not any(name.startswith("on") for name in values), f"script in <{tag}>"
        if tag == "img":
            self.pictures.append(values["src"])
            assert values["alt"] and int(values["width"]) > 0 and int(values["height"]) > 0
        if tag == "a" and values["href"].startswith("#"):
            self.anchors.append(values["href"][1:])
        self.ids.add(values.get("id"))

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes something else at {self.getpos()}"


folder = sys.argv[1]
alone = os.path.isfile(folder)
checker = Checker()
text = open(folder if alone else os.path.join(folder, "index.html"), encoding="utf-8", errors="strict").read()
assert text.startswith("<!DOCTYPE html>")
checker.feed(text)
checker.close()
assert checker.open == [], f"left open: {checker.open}"
assert set(checker.anchors) <= checker.ids
assert "http:" not in text and "https:" not in text
if alone:
    assert "<img" not in text and "url(" not in text and "@import" not in text
    sys.exit()
files = sorted(name for name in os.listdir(folder) if name != "index.html")
assert sorted(checker.pictures) == files, f"the page shows {checker.pictures}, the folder has {files}"
SIGNATURES = {"png": b"\x89PNG\r\n\x1a\n", "jpg": b"\xff\xd8\xff"}
for name in files:
    assert open(os.path.join(folder, name), "rb").read(8).startswith(SIGNATURES[name.rsplit(".", 1)[1]]), name
print(len(files))
