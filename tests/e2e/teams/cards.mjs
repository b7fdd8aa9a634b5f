// Every golden card in the official renderer: nothing is refused, no fallback is shown, and a picture of each is kept.
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename } from 'node:path'
import { after, before, test } from 'node:test'
import { chromium } from 'playwright-core'

const golden = new URL('../../golden/teams/', import.meta.url)
const pictures = process.env.PICTURES
const script = createRequire(import.meta.url).resolve('adaptivecards/dist/adaptivecards.min.js')
let browser, page

before(async () => {
  mkdirSync(`${pictures}/cards`, { recursive: true })
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox'] })
  page = await browser.newPage({ viewport: { width: 340, height: 900 } }) // as narrow as a phone
  await page.setContent('<body style="font-family: sans-serif; margin: 8px"></body>')
  await page.addScriptTag({ path: script })
})

after(async () => browser?.close())

for (const file of readdirSync(golden)) {
  test(`card ${basename(file, '.json')}`, async () => {
    const [wanted] = JSON.parse(readFileSync(new URL(file, golden), 'utf8'))
    const said = await page.evaluate((json) => {
      const card = new AdaptiveCards.AdaptiveCard()
      const context = new AdaptiveCards.SerializationContext()
      card.parse(json, context)
      document.body.replaceChildren(card.render())
      const faults = [...Array(context.eventCount).keys()].map((i) => context.getEventAt(i).message)
      const invalid = card.validateProperties().validationEvents.map((event) => event.message)
      return { faults: [...faults, ...invalid], wide: document.documentElement.scrollWidth, text: document.body.innerText }
    }, wanted)
    await page.screenshot({ path: `${pictures}/cards/${basename(file, '.json')}.png`, fullPage: true })
    // The renderer looks at `lang` with a pattern that remembers where it stopped, so every second valid one is refused.
    assert.deepEqual(said.faults.filter((fault) => !/^Invalid value "(en|de)" for property "lang"/.test(fault)), [])
    assert.ok(said.wide <= 340, `${said.wide} wide`)
    assert.ok(!said.text.includes('undefined'))
  })
}
