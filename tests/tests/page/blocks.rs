//! How a page is read into blocks, and how its nodes take a translation and give it back.

use anyhow::Result;
use serde_json::json;
use traduko_tests::{Browser, Graphics, Site};

use crate::visitor::{check_faults, run_in_page};

/// HTML and the blocks that it is read as: `<0>` for an element, `*` for a word that is left alone, `\n` for a line break.
const FIXTURES: &[(&str, &[&str])] = &[
    ("<p>Plain text.</p>", &["Plain text."]),
    ("<p>  Two\n   lines\t and&nbsp;one </p>", &["Two lines and\u{a0}one"]),
    ("<p>Price:&nbsp; </p>", &["Price:\u{a0}"]),
    ("<p>See <a href='#'>the <b>red</b> page</a>.</p>", &["See <0>the <1>red</1> page</0>."]),
    ("<p>See <b> this </b> page</p>", &["See <0>this </0>page"]),
    ("<p>One<br>two <br/> three</p>", &["One<0>\\n</0>two <1>\\n</1>three"]),
    ("<p>Run <code>ls -l</code> now</p>", &["Run <0>*</0> now"]),
    ("<p>Press <kbd>Ctrl</kbd>+<kbd>C</kbd></p>", &["Press <0>*</0>+<1>*</1>"]),
    ("<p>An <img alt=''> image</p>", &["An <0></0>image"]),
    ("<p>I am <span translate='no'>Ann <i>B.</i></span>, hello</p>", &["I am <0>*</0>, hello"]),
    ("<p>I am <span class='notranslate'>Ann</span></p>", &["I am <0>*</0>"]),
    ("<p>He said <q lang='de'>Ja</q> to me</p>", &["He said <0>*</0> to me"]),
    ("<p lang='fr'>Bonjour <b lang='en'>Hello there</b></p>", &[]),
    ("<div lang='fr'>Bonjour<p lang='en-GB'>Hello</p></div>", &["Hello"]),
    ("<div lang='en_US'>Hello</div>", &["Hello"]),
    ("<div translate='no'>Brand<p translate='yes'>Welcome</p></div>", &["Welcome"]),
    ("<pre>code</pre><textarea>text</textarea><script>let x;</script>", &[]),
    ("<div>Before<p>Inside</p>after</div>", &["Before", "Inside", "after"]),
    ("<a href='#'><div>Title</div><div>Text</div></a>", &["Title", "Text"]),
    ("<nav><a>Home</a> | <a>About us</a> <a>Contact</a></nav>", &["Home", "About us", "Contact"]),
    ("<li><a>Home</a> <span>3</span></li>", &["<0>Home</0> <1>3</1>"]),
    ("<label>Your name: <input></label>", &["<0>Your name:<1></1></0>"]),
    ("<label><input type='checkbox'> I agree</label>", &["<0><1></1>I agree</0>"]),
    ("<p>Every <input size='2'> days</p>", &["Every <0>*</0> days"]),
    ("<p>Click <button>Save</button> to go on</p>", &["Click <0>Save</0> to go on"]),
    ("<select><option value='1'>One</option><option>Two</option></select>", &["One"]),
    (
        "<p><label>Size</label> <select><option value='1'>Large</option></select> <label>Colour</label>
            <select><option value='1'>Blue</option></select></p>",
        &["Size", "Large", "Colour", "Blue"],
    ),
    ("<table><tr><th>Name</th><td>A <b>b</b></td></tr></table>", &["Name", "A <0>b</0>"]),
    ("<p>12.50 \u{20ac}</p><p>\u{2022}</p><p> </p>", &[]),
    ("<p>a<!-- note -->b <i></i> c</p>", &["ab <0></0>c"]),
    ("<p><svg><text>drawn</text></svg> Icon</p>", &["<0></0>Icon"]),
    ("<p>x<sup>2</sup> is a square</p>", &["x<0>2</0> is a square"]),
    ("<p data-display='flex'><b>One thing</b>and <i>two</i></p>", &["One thing", "and", "two"]),
    ("<p><span data-display='block'>Up</span>down</p>", &["Up", "down"]),
    ("<p contenteditable>Type here</p>", &[]),
    ("<p hidden>Later <b>on</b></p>", &["Later <0>on</0>"]),
    ("<template><p>Unused</p></template><noscript>No script</noscript>", &[]),
    ("<p>A<wbr>B <math><mi>x</mi></math> C</p>", &["A<0></0>B <1>*</1> C"]),
    ("<details><summary>More</summary>Text <em>here</em></details>", &["More", "Text <0>here</0>"]),
    ("<ruby>word<rp>(</rp><rt>sound</rt><rp>)</rp></ruby>", &["<0>word<1></1><2></2><3></3></0>"]),
];

#[tokio::test]
async fn pages_are_read_and_rewritten_without_losing_a_node() -> Result<()> {
    let site = Site::start()?;
    let mut browser = Browser::start(Graphics::Without).await?;
    browser.open(&site.url("demo/")).await?;
    let body = format!("const fixtures = {}; {}", json!(FIXTURES), include_str!("blocks.js"));
    check_faults(&run_in_page(&mut browser, &site.url(""), &body, 60).await?)?;
    browser.finish().await
}
