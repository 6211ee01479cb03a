/// How the HTML report looks and moves; nothing in it comes from a bundle.
enum CheckPageStyle {
    static let css = """

        :root {
          --page: #f6f7f9; --card: #ffffff; --ink: #1b1f24; --soft: #57606a; --line: #d8dee4; --code: #f0f2f5;
          --error: #b42318; --error-soft: #fdecea; --warning: #8a5a00; --warning-soft: #fdf3dc;
          --good: #1a6b3c; --good-soft: #e4f5ea; --notice: #35557a; --notice-soft: #e8eff7;
          --request: #0b62c4; --reply: #7a3ea8; --host: #eef2f7; --pod: #e6f4f1; --pod-line: #2b8a7a; --world: #f3f0ea;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --page: #0f1216; --card: #181c22; --ink: #e6e9ed; --soft: #a3adb8; --line: #323a44; --code: #222831;
            --error: #ff8a80; --error-soft: #3a1c1a; --warning: #f0c060; --warning-soft: #35290f;
            --good: #7fd8a0; --good-soft: #14301f; --notice: #9cc0ea; --notice-soft: #1a2836;
            --request: #6cb2ff; --reply: #cf9df5; --host: #222932; --pod: #16302c; --pod-line: #4fb8a4; --world: #2a2620;
          }
        }
        * { box-sizing: border-box; }
        html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
        body {
          margin: 0; background: var(--page); color: var(--ink);
          font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
          overflow-wrap: anywhere;
        }
        main { max-width: 1080px; margin: 0 auto; padding: 20px 16px 48px; }
        code, pre { font: 12.5px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
        a { color: inherit; }
        a:focus-visible, summary:focus-visible { outline: 2px solid var(--request); outline-offset: 2px; border-radius: 6px; }
        header { background: var(--card); border: 1px solid var(--line); border-left: 6px solid var(--good);
          border-radius: 12px; padding: 16px 20px; }
        header.error { border-left-color: var(--error); }
        header.warning { border-left-color: var(--warning); }
        .brand { margin: 0; font-weight: 700; }
        .brand span { font-weight: 400; color: var(--soft); margin-left: 6px; }
        h1 { font-size: 1.4rem; line-height: 1.3; margin: 6px 0 12px; text-wrap: balance; }
        h2 { font-size: 1.08rem; line-height: 1.4; margin: 0 0 8px; }
        h3 { font-size: .95rem; margin: 18px 0 6px; }
        .tiles { list-style: none; display: flex; flex-wrap: wrap; gap: 8px; margin: 0; padding: 0; }
        .tiles li { background: var(--code); border-radius: 999px; padding: 3px 12px; font-size: .88rem; }
        .tiles b { font-variant-numeric: tabular-nums; }
        .tiles .error { background: var(--error-soft); color: var(--error); }
        .tiles .warning { background: var(--warning-soft); color: var(--warning); }
        .contents { list-style: none; margin: 14px 0 0; padding: 0; display: grid; gap: 6px; }
        .contents a { display: flex; flex-wrap: wrap; gap: 4px 10px; align-items: baseline; text-decoration: none;
          background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 9px 14px; }
        .contents a:hover { border-color: var(--soft); }
        .contents .what { flex: 1 1 240px; }
        .contents .proof { color: var(--soft); font-size: .85rem; }
        .badge { display: inline-block; border-radius: 6px; padding: 0 8px; font-size: .8rem; font-weight: 650; line-height: 1.6; }
        .badge.error { background: var(--error-soft); color: var(--error); }
        .badge.warning { background: var(--warning-soft); color: var(--warning); }
        .badge.notice { background: var(--notice-soft); color: var(--notice); }
        .code { font-weight: 650; font-variant-numeric: tabular-nums; }
        article, .asked, .plain { background: var(--card); border: 1px solid var(--line); border-radius: 12px;
          padding: 16px 20px; margin-top: 16px; scroll-margin-top: 12px; }
        .cause { margin: 0 0 8px; }
        .calm { background: var(--good-soft); color: var(--good); border-radius: 12px; padding: 14px 20px; }
        ul { padding-left: 20px; margin: 6px 0; }
        .evidence { list-style: none; padding: 0; }
        .evidence li { border-left: 3px solid var(--line); padding: 2px 0 2px 10px; margin: 4px 0; }
        .where { color: var(--soft); font-size: .82rem; }
        .evidence .where { margin-left: 6px; }
        pre { background: var(--code); border-radius: 8px; padding: 9px 12px; margin: 4px 0 8px; white-space: pre-wrap; }
        .fix { background: var(--notice-soft); border-radius: 10px; padding: 10px 14px; margin-top: 12px; }
        .fix h3 { margin: 0; }
        .fix p { margin: 4px 0; }
        .fix pre { background: var(--card); }
        .fix.proven { background: var(--good-soft); }
        .fix.proven .proof { color: var(--good); }
        .fix .proof { font-weight: 600; font-size: .9rem; }
        summary { cursor: pointer; padding: 4px 0; }
        .fix summary { color: var(--soft); font-size: .88rem; }
        .connection { border-top: 1px solid var(--line); padding: 6px 0; }
        .connection > summary { font-weight: 600; }
        .asked .connection { border: 0; padding: 0; }
        .verdict { margin: 4px 0 10px; }
        .verdict.error { color: var(--error); }
        .verdict.warning { color: var(--warning); }
        .verdict.good { color: var(--good); }
        .way { display: grid; grid-template-columns: minmax(0, 460px) minmax(0, 1fr); gap: 18px; align-items: start; }
        figure { margin: 0; }
        figcaption { font-size: .82rem; color: var(--soft); padding: 4px 4px 0; }
        figcaption span { margin-right: 12px; white-space: nowrap; }
        figcaption span::before { content: ""; display: inline-block; width: 10px; height: 10px; border-radius: 50%;
          margin-right: 5px; background: currentColor; }
        figcaption .request { color: var(--request); } figcaption .reply { color: var(--reply); }
        figcaption .bad { color: var(--error); } figcaption .unsure { color: var(--warning); }
        svg { display: block; width: 100%; height: auto; }
        svg text { fill: var(--ink); font-family: system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; font-size: 11.5px; }
        svg .box { fill: var(--card); stroke: var(--line); stroke-width: 1.2; }
        svg .box.outside { stroke-dasharray: 5 4; }
        svg .nodename { fill: var(--soft); font-weight: 650; font-size: 12px; }
        svg .station { fill: var(--host); stroke: none; }
        svg .station.pod { fill: var(--pod); stroke: var(--pod-line); stroke-width: 1; }
        svg .station.world { fill: var(--world); }
        svg .place { font-weight: 650; font-size: 12.5px; }
        svg .way { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 10.8px; }
        svg .way.request { fill: var(--request); } svg .way.reply { fill: var(--reply); }
        svg .event { fill: var(--soft); font-size: 11px; }
        svg .event.fault { fill: var(--error); font-weight: 650; }
        svg .event.translation { fill: var(--ink); }
        svg .glyph { fill: none; stroke: var(--soft); stroke-width: 1.4; stroke-linecap: round; stroke-linejoin: round; }
        svg .glyph.bridge { stroke-width: 2; } svg .glyph.fault { stroke: var(--error); stroke-width: 2; }
        svg .glyph.arrival { stroke: var(--good); stroke-width: 2; }
        svg .line, svg .head { fill: none; stroke-width: 2.4; stroke-linecap: round; stroke-linejoin: round; }
        svg .request.line, svg .request.head { stroke: var(--request); }
        svg .reply.line, svg .reply.head { stroke: var(--reply); }
        svg .bad.line, svg .bad.head { stroke: var(--error); } svg .bad.line { stroke-dasharray: 4 5; }
        svg .pipe { fill: none; stroke: var(--soft); stroke-opacity: .28; stroke-width: 13; stroke-linecap: round; }
        svg .dot { stroke: var(--card); stroke-width: 1.6; }
        svg .dot.request { fill: var(--request); } svg .dot.reply { fill: var(--reply); } svg .dot.bad { fill: var(--error); }
        svg .mark.drop { fill: var(--error); } svg .mark.unsure { fill: var(--warning); }
        svg path.sign { stroke: var(--card); stroke-width: 2.2; stroke-linecap: round; }
        svg text.sign { fill: var(--card); text-anchor: middle; font-weight: 700; }
        svg .dot, svg .mark, svg .sign, svg .line, svg .head, svg .pipe { pointer-events: none; }
        svg .hit { fill: transparent; }
        svg .hop:hover .hit, svg .hop:focus .hit, svg .hop.on .hit { fill: var(--ink); fill-opacity: .07; }
        svg .hop:focus-visible { outline: none; } svg .hop:focus-visible .hit { stroke: var(--request); stroke-width: 1.5; }
        .hops details { border-left: 3px solid var(--line); padding: 2px 0 2px 12px; margin-bottom: 4px; scroll-margin: 40px; }
        .hops .request { border-left-color: var(--request); } .hops .reply { border-left-color: var(--reply); }
        .hops .fault { border-left-color: var(--error); }
        .hops .on { background: var(--code); border-radius: 0 8px 8px 0; }
        .hops summary { font-weight: 600; font-size: .92rem; }
        .hops p { margin: 2px 0; }
        .hops .hook { color: var(--soft); font-size: .8rem; letter-spacing: .04em; margin-top: 6px; }
        .hops .step i { font-style: normal; color: var(--soft); font-size: .85rem; }
        .comment { color: var(--soft); font-size: .82rem; }
        .hops .change { color: var(--good); font-size: .85rem; padding-left: 12px; }
        .hops .lost { color: var(--error); font-weight: 600; }
        footer { color: var(--soft); font-size: .82rem; margin-top: 24px; }
        @media (max-width: 820px) { .way { grid-template-columns: minmax(0, 1fr); } figure { max-width: 460px; } }
        @media (max-width: 480px) {
          main { padding: 8px 8px 32px; } article, .asked, .plain, header { padding: 12px 12px; }
          h1 { font-size: 1.18rem; } h2 { font-size: 1rem; }
        }
        @media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
        @media print { body { background: #fff; } article { break-inside: avoid; } }

        """

    /// Opens a hop's rules where it is tapped, and shows which they are where it is pointed at.
    static let script = """

        document.querySelectorAll('svg a.hop').forEach(function (hop) {
          var rules = document.getElementById(hop.getAttribute('href').slice(1));
          if (!rules) return;
          function show(on) { hop.classList.toggle('on', on); rules.classList.toggle('on', on); }
          hop.addEventListener('mouseenter', function () { show(true); if (innerWidth > 820) rules.open = true; });
          hop.addEventListener('mouseleave', function () { show(false); });
          hop.addEventListener('focus', function () { show(true); });
          hop.addEventListener('blur', function () { show(false); });
          hop.addEventListener('click', function (event) {
            event.preventDefault();
            rules.open = true;
            show(true);
            rules.scrollIntoView({ block: 'nearest' });
          });
        });

        """
}
