// The running bot in the playground, as a person and the desk would use it. The steps build on each other.
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { chromium } from 'playwright-core'

const pictures = process.env.PICTURES
let browser, page

before(async () => {
  mkdirSync(pictures, { recursive: true })
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox'] })
  page = await browser.newPage({ viewport: { width: 1400, height: 1000 } })
  page.setDefaultTimeout(20_000)
  await page.goto(process.env.PLAYGROUND)
})

after(async () => browser?.close())

const shown = (text) => page.getByText(text).last().waitFor()
const press = (name) => page.getByRole('button', { name, exact: true }).last().click()
const picture = (name) => page.screenshot({ path: `${pictures}/${name}.png` })

async function say(text) {
  await page.getByPlaceholder('Type a message...').or(page.locator('[contenteditable=true]')).first().click()
  await page.keyboard.type(text)
  await page.keyboard.press('Enter')
}

test('installing brings the greeting', async () => {
  await shown('Hello, I am Secdesk')
  await shown('Ask a security question in your own words.')
})

test('a question gets its answer', async () => {
  await say('how do I report a phishing mail?')
  await shown('How do I report a suspicious email?')
  await picture('answer')
})

test('a pressed button changes the card in place and is answered', async () => {
  await press('Solved')
  await shown('You chose: Solved')
  await shown('Good to know. Ask me any time.')
  assert.equal(await page.getByRole('button', { name: 'Solved', exact: true }).count(), 0)
})

test('a message is reported from its own menu', async () => {
  await say('privacy')
  await shown('What is kept about you')
  const menus = page.getByRole('button', { name: 'Show more information' })
  await menus.nth((await menus.count()) - 2).click()
  await page.getByRole('menuitem').first().click()
  await page.getByPlaceholder('Input command id or leave blanks').fill('reportMessage')
  await page.getByRole('button', { name: 'Create' }).click()
  await shown('This message goes to the security team.')
  await picture('dialog')
  await page.getByRole('dialog').getByRole('textbox').last().fill('It looks odd')
  await press('Report it')
  await page.getByRole('dialog').getByText('SEC-101').waitFor()
  await picture('receipt')
})

test('the verdict comes by itself', async () => {
  const close = page.getByRole('dialog').getByRole('button', { name: /close/i })
  if (await close.count()) await close.first().click()
  await page.getByText('Your report SEC-101').last().waitFor({ timeout: 40_000 })
  await picture('verdict')
})

test('a person is brought in', async () => {
  await say('talk to a person')
  await shown('SEC-102')
})

test('an emergency is answered at once, its question by a button', async () => {
  await say('I clicked the link and entered my password')
  await shown('You did right to tell us')
  await press('Not sure')
  await shown('You chose: Not sure')
  await picture('emergency')
})

test('the desk claims in its channel, in place, and the person hears of it', async () => {
  await page.getByText('Tickets', { exact: true }).first().click()
  await page.getByText('SEC-102 · S1').last().waitFor({ timeout: 60_000 })
  const card = page.locator('.ac-adaptiveCard').filter({ hasText: 'SEC-102 · S1' }).last()
  await card.getByRole('button', { name: 'Claim', exact: true }).click()
  await card.getByText('A person is on it').waitFor()
  await card.getByRole('button', { name: 'Give back', exact: true }).waitFor()
  await picture('desk')
  await page.getByText('Personal Chat').first().click()
  await shown('Sam Ortiz has your ticket SEC-102 now.')
  await picture('proactive')
})
