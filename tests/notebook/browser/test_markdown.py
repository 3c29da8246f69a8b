"""Markdown of a model's answer as the page draws it: what it means, that it is harmless, and what it costs."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tensorzero_notebook.widgets.panel import CODE
from tests.notebook.doubles import HOSTILE

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]

DRAW = """(text) => {
  const root = document.createElement("div");
  const began = performance.now();
  const drawn = window.panels.renderMarkdown(text);
  if (drawn === null) return [null, performance.now() - began];
  root.append(drawn);
  document.body.replaceChildren(root);
  root.offsetHeight;
  return [root.innerHTML, performance.now() - began];
}"""


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.set_content("<body></body>")
    module = "data:text/javascript;base64," + base64.b64encode(CODE.encode()).decode()
    page.evaluate("async (module) => { window.panels = await import(module); }", module)
    asked.clear()
    yield page
    assert [url for url in asked if not url.startswith("data:")] == []
    page.close()


def drawn(page: Page, text: str) -> str:
    return page.evaluate(DRAW, text)[0]


A = '<a href="HREF" title="HREF" rel="noopener noreferrer" target="_blank">TEXT</a>'


def link(href: str, text: str) -> str:
    return A.replace("HREF", href).replace("TEXT", text)


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a\n\nb", "<p>a</p><p>b</p>"),
        ("````md\n```\ncode\n```\n````\nafter", "<pre><code>```\ncode\n```</code></pre><p>after</p>"),
        ("```\na ``` b\n```\nafter", "<pre><code>a ``` b</code></pre><p>after</p>"),
        ("~~~\n```\n~~~\nafter", "<pre><code>```</code></pre><p>after</p>"),
        ("say `` a ` b `` now", "<p>say <code>a ` b</code> now</p>"),
        ("```inline``` stays", "<p><code>inline</code> stays</p>"),
        ("    indented\n\nafter", "<pre><code>indented</code></pre><p>after</p>"),
        ("```\nopen to the end", "<pre><code>open to the end</code></pre>"),
        (r"2 \* 3 \* 4 \_a\_ \\ \`", r"<p>2 * 3 * 4 _a_ \ `</p>"),
        ("#no heading", "<p>#no heading</p>"),
        (
            "- a\n  - b\n    1. c\n- d",
            "<ul><li>a<ul><li>b<ol><li>c</li></ol></li></ul></li><li>d</li></ul>",
        ),
        ("3. x\n4. y", '<ol start="3"><li>x</li><li>y</li></ol>'),
        ("- a\n\n  more\n- b", "<ul><li><p>a</p><p>more</p></li><li><p>b</p></li></ul>"),
        ("> q\n> r\n>> s", "<blockquote><p>q\nr</p><blockquote><p>s</p></blockquote></blockquote>"),
        ("a\n\n---\n\nb", "<p>a</p><hr><p>b</p>"),
        ("***both*** ~~gone~~ a_b_c", "<p><em><strong>both</strong></em> <s>gone</s> a_b_c</p>"),
        ("line  \nbreak\nsoft", "<p>line<br>break\nsoft</p>"),
        ("&lt;b&gt; &amp; &copy; &#65; &nope;", "<p>&lt;b&gt; &amp; © A &amp;nope;</p>"),
        ("[x](https://a.b/c?d=1)", f"<p>{link('https://a.b/c?d=1', 'x')}</p>"),
        ("<https://a.b/> bare https://a.b", f"<p>{link('https://a.b/', 'https://a.b/')} bare https://a.b</p>"),
        ("![cat](https://a.b/c.png)", f"<p>{link('https://a.b/c.png', 'cat')}</p>"),
        ("[r][1]\n\n[1]: https://a.b/", f"<p>{link('https://a.b/', 'r')}</p>"),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
        ("[x](//a.b) [y](/z) ![i](data:image/png;base64,xx)", "<p>[x](//a.b) [y](/z) ![i](data:image/png;base64,xx)</p>"),
        ("x\n```py\na = '```'\n````\n```\nafter", "<p>x</p><pre><code>a = '```'</code></pre><pre><code>after</code></pre>"),
        (
            "# One\r\ntext\r\n## Two\r\n",
            (
                '<p class="tz-heading" role="heading" aria-level="1">One</p><p>text</p>'
                '<p class="tz-heading" role="heading" aria-level="2">Two</p>'
            ),
        ),
        ("Title\n=====\ntext", '<p class="tz-heading" role="heading" aria-level="1">Title</p><p>text</p>'),
        (
            "|a|b|\n|:-|-:|\n|`x|y`|**2**|",
            (
                '<table><thead><tr><th class="tz-left">a</th><th class="tz-right">b</th></tr></thead>'
                '<tbody><tr><td class="tz-left">`x</td><td class="tz-right">y`</td></tr></tbody></table>'
            ),
        ),
        (
            "<b onclick=x>t</b>\n\n<style>*{}</style>",
            "<p>&lt;b onclick=x&gt;t&lt;/b&gt;</p><p>&lt;style&gt;*{}&lt;/style&gt;</p>",
        ),
        (
            "$a*b*c$ and $$x_1 _y_$$ and \\(p*q*r\\) costs $5 and $6 *so*",
            "<p>$a*b*c$ and $$x_1 _y_$$ and \\(p*q*r\\) costs $5 and $6 <em>so</em></p>",
        ),
        (r"\[x^2\] but \[not math\]", r"<p>\[x^2\] but [not math]</p>"),
    ],
)
def test_markdown_means_what_commonmark_says(page: Page, text: str, html: str) -> None:
    assert drawn(page, text) == html


ELEMENTS = {"div", "p", "a", "ul", "ol", "li", "blockquote", "pre", "code", "strong", "em", "s", "br", "hr", "span"}
ELEMENTS |= {"table", "thead", "tbody", "tr", "th", "td"}
ATTRIBUTES = {"class", "role", "aria-level", "href", "rel", "target", "title", "start"}
LIST = """() => [...document.body.querySelectorAll("*")].map((node) =>
  [node.tagName.toLowerCase(), [...node.attributes].map((attribute) => attribute.name), node.className, node.href ?? ""])"""


@pytest.mark.parametrize(
    "text",
    [
        HOSTILE,
        "[a](https://x.y/\"onmouseover=alert(1)) [b](https://x.y/ '\" onload=1') [c]( \x01javascript:1)",
        "[d](JaVaScRiPt:1) [e](vbscript:1) [f](file:///etc/passwd) <javascript:1> [h](&#106;avascript:1)",
        "|a|\n|-|\n|<img src=x onerror=window.hacked=1>|\n\n![x](https://a.b/<script>)",
        "```<script>\n</code></pre><script>window.hacked=1</script>\n```",
        "[x]: javascript:1\n\n[x] ![x] [x][] <svg/onload=1>",
    ],
)
def test_hostile_markdown_makes_harmless_elements_only(page: Page, text: str) -> None:
    drawn(page, text)
    for tag, attributes, names, href in page.evaluate(LIST):
        assert tag in ELEMENTS
        assert set(attributes) <= ATTRIBUTES
        assert all(name.startswith("tz-") for name in names.split())
        assert href == "" or href.startswith(("http://", "https://"))
    assert page.evaluate("window.hacked") is None


SIZE = 200_000
COSTLY = {
    "backticks": "`" * 128_000,
    "backticks apart": " ".join("`" * number + "a" for number in range(600)),
    "stars": "*a **b" * (SIZE // 6),
    "stars around": "*" * 60_000 + "a" + "*" * 60_000,
    "brackets": "[" * 50_000,
    "links": "[a](" * 40_000,
    "images": "![" * 50_000,
    "quotes": ">" * 20_000,
    "quoted lists": ("> - " * 400 + "a\n") * 20,
    "list in a list": "\n".join(" " * number * 2 + "- a" for number in range(400)),
    "dashes": "- " * 50_000,
    "table": "|" + "a|" * 2000 + "\n|" + "-|" * 2000 + "\n" + ("|" + "b|" * 2000 + "\n") * 20,
    "short rows": "|" + "a|" * 3000 + "\n|" + "-|" * 3000 + "\n" + "x\n" * 30_000,
    "fences": "```\n" * 50_000,
    "formulas": "$a" * 100_000,
    "open formulas": "\\(" * 60_000,
    "dollars": "$$" * 60_000,
    "entities": "&a" * 60_000,
    "items": "* a\n" * 40_000,
    "one long word": "x" * 1_900_000,
}


@pytest.mark.parametrize("text", COSTLY.values(), ids=COSTLY)
def test_no_text_takes_long_to_draw(page: Page, text: str) -> None:
    took = min(page.evaluate(DRAW, text)[1] for _ in range(2))
    print(f"{took:.0f} ms")
    assert took < 3000  # at most 0.7 s on an idle machine


@pytest.mark.parametrize("text", ["*a* " * 700_000, "[a](https://b.c) " * 60_000, "- a\n" * 300_000])
def test_what_is_too_much_is_not_drawn(page: Page, text: str) -> None:
    assert drawn(page, text) is None


STREAM = """async ([text, pieces]) => {
  const blocks = document.createElement("div");
  document.body.replaceChildren(blocks);
  const channel = new window.panels.Channels(() => {}).of(0);
  const drawing = new window.panels.Drawing(blocks);
  const size = Math.ceil(text.length / pieces);
  let busy = 0;
  const spend = (work) => { const began = performance.now(); work(); busy += performance.now() - began; };
  const draw = drawing.drawMarkdown.bind(drawing);
  drawing.drawMarkdown = () => spend(draw);
  drawing.attach(channel);
  channel.receive({ channel: 0, at: 0, text: "", marks_at: 0, marks: [[0, "text", ""]] });
  drawing.showMarkdown(true, false);
  busy = 0;
  const began = performance.now();
  for (let at = 0; at < text.length; at += size) {
    channel.receive({ channel: 0, at, text: text.slice(at, at + size) });
    await new Promise((done) => setTimeout(done, 1000 / 30));
  }
  const share = busy / (performance.now() - began);
  drawing.showMarkdown(true, true);
  const html = blocks.querySelector(".tz-markdown").innerHTML;
  const whole = document.createElement("div");
  whole.append(window.panels.renderMarkdown(text));
  return [share, html === whole.innerHTML, blocks.querySelector("pre.tz-text").textContent === text];
}"""
SECTION = "## Part\n\nSome *text* with `code`, a [link](https://a.b) and more words to fill the line.\n\n- one\n- two\n\n"


@pytest.mark.parametrize(
    "text",
    [SECTION * (SIZE // len(SECTION)), "```\n" + "x = 1\n" * (SIZE // 6), "word " * (SIZE // 5), "- item\n" * (SIZE // 7)],
    ids=["sections", "one code block", "one paragraph", "one list"],
)
def test_an_answer_that_grows_is_drawn_at_a_bounded_cost_and_whole_at_its_end(page: Page, text: str) -> Any:
    share, same, kept = page.evaluate(STREAM, [text, 150])
    print(f"{share:.1%} of the time")
    assert same
    assert kept
    assert share < 0.3
