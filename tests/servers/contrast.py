"""The contrast of text on a page, as WCAG defines it."""

from typing import Final

#: JavaScript. ``luminance(colour)`` is from 0 for black to 1 for white. ``contrast(root)`` is the least
#: contrast of a text inside an element with what is behind it, from 1 for the same colour to 21.
CONTRAST: Final = """
  function luminance(colour) {
    const parts = colour.match(/[\\d.]+/g).slice(0, 3).map(part => part / 255)
      .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  }
  function background(each) {
    for (; each; each = each.parentElement) {
      const colour = getComputedStyle(each).backgroundColor;
      if (!/, 0\\)$/.test(colour)) return colour;
    }
    return 'rgb(255, 255, 255)';
  }
  function contrast(root) {
    const found = [root, ...root.querySelectorAll('*')].filter(each =>
      each.tagName != 'STYLE' && [...each.childNodes].some(node => node.nodeType == 3)
    ).map(each => {
      const [a, b] = [luminance(getComputedStyle(each).color), luminance(background(each))];
      return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    });
    return Math.min(...found);
  }
"""
