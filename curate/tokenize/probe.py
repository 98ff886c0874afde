"""Texts on which a fast encoder has to give the reference's ids before it is trusted with a tokenizer.

A line in each of 26 languages and 16 scripts, code, and what trips splits up: runs of spaces, newlines of all kinds,
digits of other scripts, marks that combine, joiners, control characters, emoji in sequences, spelled control tokens.
"""

from __future__ import annotations

LANGUAGES = (
    "Don't stop: it'S 'LL, we've 12345 reasons, and the end is near; isn't it?",
    "Der Fluß fließt über 1.234,56 Kilometer, sagte „Jürgen“ – größer geht's nicht.",
    "L'été dernier, à 18 h 30, où étiez-vous ? « Ça va », répondit-elle.",
    "¿Cuántos años tienes, señor? ¡Más de 1 000!",
    "Às três da manhã não há ninguém; o coração já não dói.",
    "Perché no? È già mezzanotte, l'uomo se n'è andato.",
    "Één café, alsjeblieft: 's morgens om zes uur.",
    "Zażółć gęślą jaźń, powiedział Łukasz o 7:15.",
    "Příliš žluťoučký kůň úpěl ďábelské ódy.",
    "Årets första snö föll på Öland, två dagar för sent.",
    "Hyvää yötä, älä unohda työtä: 3,5 tuntia.",
    "Árvíztűrő tükörfúrógép, 2 darab.",
    "İstanbul'da ığdır ağacı, çok şükür, öğleden sonra.",
    "Съешь же ещё этих мягких французских булок, да выпей чаю №1.",
    "Щастя — це коли тебе розуміють, її ґанок і м'ята.",
    "Ξεσκεπάζω τὴν ψυχοφθόρα βδελυγμία· τι ώρα είναι;",
    "דג סקרן שט בים מאוכזב ולפתע מצא חברה, צה״ל.",
    "نص حكيم له سر قاطع وذو شأن عظيم، ٣٤٥ ريالاً.",
    "یک متن فارسی با نیم‌فاصله و ۱۲۳ عدد.",
    "सभी मनुष्य जन्म से स्वतन्त्र हैं, क्षत्रिय १२३।",
    "সব মানুষ স্বাধীনভাবে জন্মায়, ৪৫৬।",
    "தமிழ் மொழி மிகவும் பழமையானது, ஸ்ரீ.",
    "ภาษาไทยไม่มีช่องว่างระหว่างคำ ๗๘๙ บาท",
    "日本語の文章、カタカナとひらがな。ﾊﾝｶｸも「括弧」も、１２３。",
    "中文没有空格，汉字很多；價格是￥９９。",
    "한국어 문장은 띄어쓰기가 있습니다. 값이 없다, ㅋㅋㅋ!",
)
CODE = (
    'def f(x: int = 0x1F) -> str:\n    return f"{x!r:>10}\\t"  # TODO\n\n\n\tif(a&&b){i++;}\r\n\r\n',
    "<div class='a-b_c'>&nbsp;</div>\n```json\n{\"k\": [1, -2.5e-10, null]}\n```\n$\\frac{1}{2}$ https://a.b/c?d=e%20f#g",
    'SELECT * FROM t WHERE a<>b;--x\n#!/bin/sh\nset -euo pipefail\nx="${y:-z}"; [[ $? -ne 0 ]] && exit 1\n',
)
ADVERSARIAL = (
    "e\u0301 \u00a0\u3000z ½ \t\tend ",
    "a\u200db\u200cc\u2060d\ufeffe\u00adf \u202eright\u202c \u2028line\u2029paragraph\x85next\x0bv\x0cf",
    "👩‍👩‍👧‍👦🏳️‍🌈👍🏽 🇩🇪🇫🇷 ①②③ ⅷ ﬁ ﷽ 𝒳𝔜 \U0001f9d1\u200d\U0001f4bb",
    "\x00\x01\x1b[31m\x7f\x80\x9f \ufffd \ufffe \uffff",
    "١٢٣٤٥ ४५६७ 1234567890123 12,345.678 ²³ Ⅻ ½¼",
    "          indented\n\n\n\n\n\n   \n \n\t \t\n\r\n\r\r\n  ",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa !!!!!!!!!!!!!!!! ================ ________________",
    "<|endoftext|> </s> <s> [INST] <pad> <unk> <|im_start|>user\n<0x41>",
    "Ꭰ ᚠ ⠓ 𐍈 ꧁꧂ ᏅᎦ ﹏ ◌̈ Z̸̙̦͝a̷l̶g̵o̷ Å Å ſ ẞ ǆ ŉ ΐ",
    "The same text, one word after another, in Ελληνικά and русский языка.\nThe end",
    "",
    " ",
    "\n",
)
PROBE = (*LANGUAGES, *CODE, *ADVERSARIAL)
