"""The table of keys and tokens whose form says what they are, by provider.

    text ─▶ any prefix? (few texts have one) ─▶ all patterns at once, RE2 ─▶ the match is the secret, or its group

The forms are those that the providers' documentation names, or that their keys have in practice. All patterns begin at
the beginning of a word, and so do few of a text's places. A row more is a provider more.
"""

from __future__ import annotations

from typing import NamedTuple

WORD = r"[A-Za-z0-9_-]"


class SecretKind(NamedTuple):
    """Provider and what it is; a pattern of RE2, whose group is the value if that is not all of the match; and
    a pattern that every text with one matches."""

    name: str
    pattern: str
    prefix: str


KINDS = (
    SecretKind("AWS access key", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}", "AKIA|ASIA|ABIA|ACCA"),
    SecretKind("AWS Bedrock key", r"ABSK[A-Za-z0-9+/]{100,180}={0,2}", "ABSK"),
    SecretKind("GitHub token", r"gh[pousr]_[A-Za-z0-9]{36,}", "gh[pousr]_"),
    SecretKind("GitHub fine-grained token", r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}", "github_pat_"),
    SecretKind(
        "GitLab token",
        rf"gl(?:pat|dt|ptt|rt|rtr|cbt|ft|soat|oas|agent|imt|ffct)-{WORD}{{20,}}(?:\.[0-9a-z]{{2}}\.[0-9a-z]{{9}})?",
        "gl(?:pat|dt|ptt|rt|rtr|cbt|ft|soat|oas|agent|imt|ffct)-",
    ),
    SecretKind("Slack token", r"xox[abeoprs]-[A-Za-z0-9-]{10,}", "xox[abeoprs]-"),
    SecretKind("Slack app token", r"xapp-\d-[A-Z0-9]{8,}-\d{8,}-[a-z0-9]{20,}", "xapp-"),
    SecretKind(
        "Slack webhook",
        r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9+/]{30,})",
        "hooks.slack.com/",
    ),
    SecretKind("Stripe key", r"[sr]k_(?:live|test|prod)_[A-Za-z0-9]{16,}", "[sr]k_(?:live|test|prod)_"),
    SecretKind("Stripe webhook secret", r"whsec_[A-Za-z0-9+/=]{24,}", "whsec_"),
    SecretKind("Google API key", rf"AIza{WORD}{{35}}", "AIza"),
    SecretKind("Google OAuth secret", rf"GOCSPX-{WORD}{{28}}", "GOCSPX-"),
    SecretKind("Google OAuth token", rf"ya29\.{WORD}{{30,}}", "ya29[.]"),
    SecretKind("OpenAI key", rf"sk-(?:proj|svcacct|admin|None)-{WORD}{{40,}}", "sk-(?:proj|svcacct|admin|None)-"),
    SecretKind("OpenAI key", r"sk-[A-Za-z0-9]{48}", "sk-[A-Za-z0-9]{8}"),
    SecretKind("Anthropic key", rf"sk-ant-{WORD}{{40,}}", "sk-ant-"),
    SecretKind("OpenRouter key", r"sk-or-v1-[0-9a-f]{64}", "sk-or-v1-"),
    SecretKind("Groq key", r"gsk_[A-Za-z0-9]{52}", "gsk_"),
    SecretKind("Hugging Face token", r"(?:hf|api_org)_[A-Za-z]{34}", "hf_[A-Za-z]{8}|api_org_"),
    SecretKind("Replicate token", r"r8_[A-Za-z0-9]{37}", "r8_[A-Za-z0-9]{8}"),
    SecretKind("xAI key", r"xai-[A-Za-z0-9]{80}", "xai-"),
    SecretKind("Perplexity key", r"pplx-[A-Za-z0-9]{48}", "pplx-"),
    SecretKind("npm token", r"npm_[A-Za-z0-9]{36}", "npm_[A-Za-z0-9]{8}"),
    SecretKind("npm registry token", r"_authToken\s{0,3}=\s{0,3}([A-Za-z0-9+/=._-]{20,})", "_authToken"),
    SecretKind("PyPI token", rf"pypi-AgE[I-N]{WORD}{{50,}}", "pypi-AgE"),
    SecretKind("RubyGems key", r"rubygems_[0-9a-f]{48}", "rubygems_[0-9a-f]"),
    SecretKind("NuGet key", r"oy2[a-z0-9]{43}", "oy2[a-z0-9]{8}"),
    SecretKind("crates.io token", r"cio[A-Za-z0-9]{32}", "cio[A-Za-z0-9]{8}"),
    SecretKind("Docker token", rf"dckr_(?:pat|oat)_{WORD}{{27,}}", "dckr_[po]at_"),
    SecretKind("JSON Web Token", rf"ey[IJ]{WORD}{{12,}}\.ey[IJ]{WORD}{{10,}}\.{WORD}{{10,}}", "ey[IJ][A-Za-z0-9_-]{4}"),
    SecretKind("Twilio key", r"SK[0-9a-f]{32}", "SK[0-9a-f]{6}"),
    SecretKind("Twilio account", r"AC[0-9a-f]{32}", "AC[0-9a-f]{6}"),
    SecretKind("SendGrid key", rf"SG\.{WORD}{{22}}\.{WORD}{{43}}", "SG[.][A-Za-z0-9_-]{8}"),
    SecretKind("Mailgun key", r"key-[0-9a-f]{32}", "key-[0-9a-f]{6}"),
    SecretKind("Mailchimp key", r"[0-9a-f]{32}-us\d{1,2}", "[0-9a-f]-us[0-9]"),
    SecretKind("Brevo key", r"xkeysib-[0-9a-f]{64}-[A-Za-z0-9]{16}", "xkeysib-"),
    SecretKind(
        "Azure connection string",
        r"(?i:AccountKey|SharedAccessKey|SharedSecretValue)=([A-Za-z0-9+/]{43,86}={1,2})",
        "(?i:AccountKey|SharedAccessKey|SharedSecretValue)=",
    ),
    SecretKind("Azure shared access signature", r"sig=([A-Za-z0-9%]{43,}%3[Dd])", "[?&;]sig="),
    SecretKind("Azure client secret", r"[A-Za-z0-9_~.]{0,3}\dQ~[A-Za-z0-9_~.-]{31,34}", "[0-9]Q~"),
    SecretKind("Azure DevOps token", r"[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}", "AZDO"),
    SecretKind("DigitalOcean token", r"do[opr]_v1_[0-9a-f]{64}", "do[opr]_v1_"),
    SecretKind("Shopify token", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}", "shp(?:at|ca|pa|ss)_"),
    SecretKind("Square token", rf"sq0(?:atp|csp|idp)-{WORD}{{22,}}", "sq0(?:atp|csp|idp)"),
    SecretKind("Telegram bot", rf"\d{{8,10}}:AA{WORD}{{33}}", "[0-9]:AA[A-Za-z0-9_-]{8}"),
    SecretKind("Discord bot", rf"[MNO][A-Za-z\d]{{23,27}}\.{WORD}{{6}}\.{WORD}{{27,40}}", "[MNO][A-Za-z0-9]{23}"),
    SecretKind("Discord webhook", rf"discord(?:app)?\.com/api/webhooks/\d+/({WORD}{{60,}})", "/api/webhooks/"),
    SecretKind("Databricks token", r"dapi[0-9a-f]{32}(?:-\d)?", "dapi[0-9a-f]{6}"),
    SecretKind("Grafana token", r"gl(?:c_[A-Za-z0-9+/]{32,}={0,3}|sa_[A-Za-z0-9]{32}_[0-9a-f]{8})", "gl(?:c|sa)_"),
    SecretKind("New Relic key", r"NRAK-[A-Z0-9]{27}", "NRAK-"),
    SecretKind("Sentry token", r"sntry[su]_[A-Za-z0-9+/=_]{64,}", "sntry[su]_"),
    SecretKind("Vault token", rf"hv[sbr]\.{WORD}{{24,}}", "hv[sbr][.][A-Za-z0-9_-]{8}"),
    SecretKind("Terraform token", rf"[A-Za-z0-9]{{14}}\.atlasv1\.{WORD}{{60,}}", "[.]atlasv1[.]"),
    SecretKind(
        "Doppler token",
        r"dp\.(?:pt|st|ct|sa|scim|audit)\.(?:\w{2,35}\.)?[A-Za-z0-9]{40,44}",
        "dp[.](?:pt|st|ct|sa|scim|audit)",
    ),
    SecretKind("Pulumi token", r"pul-[0-9a-f]{40}", "pul-[0-9a-f]{6}"),
    SecretKind("PlanetScale token", r"pscale_(?:tkn|pw|oauth)_[\w=.-]{32,}", "pscale_"),
    SecretKind("Supabase token", r"sb[ps]_[0-9a-f]{40}", "sb[ps]_[0-9a-f]{6}"),
    SecretKind("Atlassian token", r"ATATT3[\w=-]{50,}", "ATATT3"),
    SecretKind("Postman key", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}", "PMAK-"),
    SecretKind("Linear key", r"lin_api_[A-Za-z0-9]{40}", "lin_api_"),
    SecretKind("Notion token", r"ntn_[A-Za-z0-9]{43,50}", "ntn_[A-Za-z0-9]{6}"),
    SecretKind("Airtable token", r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}", "pat[A-Za-z0-9]{14}[.]"),
    SecretKind("Dropbox token", rf"sl\.(?:u\.)?{WORD}{{130,}}", "sl[.](?:u[.])?[A-Za-z0-9_-]{20}"),
    SecretKind("Figma token", rf"fig[dou]_{WORD}{{40,}}", "fig[dou]_"),
    SecretKind("age key", r"AGE-SECRET-KEY-1[0-9A-Z]{58}", "AGE-SECRET-KEY-1"),
    SecretKind(
        "WordPress salt",
        r"(?:SECURE_)?(?:AUTH|LOGGED_IN|NONCE)_(?:KEY|SALT)['\"],\s{0,8}['\"]([^'\"\n]{32,80})['\"]",
        "_(?:KEY|SALT)['\"],",
    ),
)
