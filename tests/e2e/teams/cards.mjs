// Cards in the official renderer, as narrow as on a phone, in light and dark: nothing is refused, cut off, hard to read or made
// a link. Every golden card and every card that ships; a picture of each golden one, and sheets of the others, are kept.
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { after, before, test } from 'node:test'
import { chromium } from 'playwright-core'

const WIDTH = 344 // pixels of a card in a phone's chat
const golden = fileURLToPath(new URL('../../golden/teams/', import.meta.url))
const shipped = process.env.SHIPPED
const pictures = process.env.PICTURES
const find = createRequire(import.meta.url).resolve
let browser, page

// The platform's two looks, as far as they decide what can be read (Teams: sizes and colours of its own host configuration).
const inks = (plain, subtle, good, warning, attention) => Object.fromEntries(
  Object.entries({ default: plain, dark: plain, light: plain, accent: plain, good, warning, attention })
    .map(([name, colour]) => [name, { default: colour, subtle: name === 'default' ? subtle : colour }]))
const looks = {
  light: { back: '#ffffff', emphasis: '#f5f5f5', ink: inks('#242424', '#616161', '#237b4b', '#9a4a00', '#c4314b') },
  dark: { back: '#292929', emphasis: '#1f1f1f', ink: inks('#ffffff', '#adadad', '#92c353', '#ffaa44', '#f9526b') },
}

before(async () => {
  mkdirSync(`${pictures}/cards`, { recursive: true })
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox'] })
  page = await browser.newPage({ viewport: { width: 400, height: 600 } })
  await page.setContent('<!doctype html><style></style><main></main>')
  await page.addScriptTag({ path: find('adaptivecards/dist/adaptivecards.min.js') })
  await page.addScriptTag({ path: find('markdown-it/dist/markdown-it.min.js') })
})

after(async () => browser?.close())

async function dress({ back, emphasis, ink }, columns = '') {
  await page.evaluate(({ back, emphasis, ink, columns, WIDTH }) => {
    document.querySelector('style').textContent = `
      body { margin: 0; background: ${back}; font: 14px/20px "Segoe UI", system-ui, sans-serif; }
      main { ${columns}; gap: 12px; padding: 12px; width: fit-content }
      article { width: ${WIDTH}px; box-sizing: border-box; break-inside: avoid; border: 1px solid #8886; border-radius: 4px }
      .ac-pushButton { font: 600 14px/20px "Segoe UI", system-ui, sans-serif; padding: 5px 11px; border: 1px solid #8888;
        border-radius: 4px; background: ${back}; color: ${ink.default.default}; white-space: nowrap }
      .ac-pushButton.style-positive { background: #5b5fc7; color: #fff } .ac-pushButton.style-destructive { background: #c50f1f; color: #fff }
      .ac-input { font: inherit; background: ${emphasis}; color: inherit; border: 1px solid #8888; border-radius: 4px; padding: 5px }
      .ac-input-container, label { color: ${ink.default.default} }`
    const style = (backgroundColor) => ({ backgroundColor, foregroundColors: ink })
    window.host = new AdaptiveCards.HostConfig({
      fontFamily: '"Segoe UI", system-ui, sans-serif', supportsInteractivity: true,
      fontSizes: { small: 12, default: 14, medium: 14, large: 18, extraLarge: 24 },
      spacing: { small: 8, default: 12, medium: 16, large: 20, extraLarge: 24, padding: 16 },
      containerStyles: { default: style(back), emphasis: style(emphasis) },
      actions: { maxActions: 6, buttonSpacing: 8, actionsOrientation: 'horizontal', actionAlignment: 'left' },
    })
    const markdown = window.markdownit() // headings are Markdown in Teams
    AdaptiveCards.AdaptiveCard.onProcessMarkdown = (text, result) => {
      result.outputHtml = markdown.render(text)
      result.didProcess = true
    }
  }, { back, emphasis, ink, columns, WIDTH })
}

async function show(cards) {
  return page.evaluate((cards) => {
    const main = document.querySelector('main')
    main.replaceChildren()
    return cards.map((json) => {
      const card = new AdaptiveCards.AdaptiveCard()
      const context = new AdaptiveCards.SerializationContext()
      card.hostConfig = window.host
      card.parse(json, context)
      const frame = document.createElement('article')
      frame.append(card.render())
      main.append(frame)
      const faults = [...Array(context.eventCount).keys()].map((i) => context.getEventAt(i).message)
      const invalid = card.validateProperties().validationEvents.map((event) => event.message)
      const box = frame.getBoundingClientRect()
      const pressed = [...frame.querySelectorAll('button, [role=button]')]
      const cut = [...pressed, ...frame.querySelectorAll('p, .ac-textBlock, .ac-textRun, input, select, textarea')]
        .filter((part) => {
          const own = part.getBoundingClientRect()
          return own.width > 0 && (own.right > box.right - 16 || own.left < box.left + 16 || part.scrollWidth > part.clientWidth + 1
            && part.clientWidth > 0 && part.tagName === 'BUTTON')
        }).map((part) => part.textContent || part.tagName)
      return {
        faults: [...faults, ...invalid], cut, text: frame.innerText,
        nameless: pressed.filter((part) => !(part.textContent || part.getAttribute('aria-label') || part.title)).length,
        links: frame.querySelectorAll('a, img, iframe').length,
        faint: [...frame.querySelectorAll('p, .ac-textRun, .ac-pushButton')].filter((part) => contrast(part) < 4.45) // the platform's own red on dark
          .map((part) => `${contrast(part).toFixed(1)} ${part.textContent}`),
      }
    })

    function contrast(part) {
      const light = (colour) => colour.match(/[\d.]+/g).slice(0, 3).map((each) => each / 255)
        .map((each) => (each <= 0.03928 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4))
        .reduce((sum, each, i) => sum + each * [0.2126, 0.7152, 0.0722][i], 0)
      let behind = part
      while (behind.parentElement && /, 0\)$|transparent/.test(getComputedStyle(behind).backgroundColor)) behind = behind.parentElement
      const [a, b] = [light(getComputedStyle(part).color), light(getComputedStyle(behind).backgroundColor)].sort((x, y) => y - x)
      return (a + 0.05) / (b + 0.05)
    }
  }, cards)
}

function right(said) {
  // The renderer looks at `lang` with a pattern that remembers where it stopped, so every second valid one is refused.
  const faults = said.faults.filter((fault) => !/^Invalid value "(en|de|fr|es)" for property "lang"/.test(fault))
  assert.deepEqual({ faults, cut: said.cut, nameless: said.nameless, links: said.links, faint: said.faint },
    { faults: [], cut: [], nameless: 0, links: 0, faint: [] }, said.text)
  assert.ok(!/undefined|\{\{|\}\}/.test(said.text), said.text)
}

const read = (folder, file) => JSON.parse(readFileSync(join(folder, file), 'utf8'))

for (const [look, colours] of Object.entries(looks)) {
  for (const file of readdirSync(golden)) {
    test(`${look}: golden card ${file.replace('.json', '')}`, async () => {
      await dress(colours)
      const said = await show(read(golden, file))
      await page.locator('main').screenshot({ path: `${pictures}/cards/${file.replace('.json', '')}-${look}.png` })
      said.forEach(right)
    })
  }

  test(`${look}: every card that ships`, async () => {
    const names = readdirSync(shipped).sort()
    assert.ok(names.length > 200, `${names.length} cards`)
    const found = new Set()
    for (let i = 0; i < names.length; i += 24) {
      await dress(colours, 'columns: 4')
      const cards = names.slice(i, i + 24).flatMap((file) => read(shipped, file).map((card) => [file, card]))
      const said = await show(cards.map(([, card]) => card))
      await page.locator('main').screenshot({ path: `${pictures}/cards/sheet-${String(i / 24).padStart(2, '0')}-${look}.png` })
      said.forEach((one, n) => {
        try { right(one) } catch (error) { found.add(`${cards[n][0]}: ${error.message}`) }
      })
    }
    assert.deepEqual([...found], [])
  })
}
