// In place of parts of markdown-it that are switched off (markdown.js): bare addresses as links, and punycode in addresses.

export class LinkifyIt {}

export default {};
