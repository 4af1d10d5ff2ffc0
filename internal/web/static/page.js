// What pages do besides being pages: copy, show times in the reader's zone, and keep
// a secret's page from being loaded twice. Everything works without it.
(() => {
  'use strict'
  const toasts = document.getElementById('toasts')

  // toast says that something happened.
  const toast = (text) => {
    const p = document.createElement('p')
    p.className = 'toast'
    p.textContent = text
    toasts.replaceChildren(p)
    setTimeout(() => p.remove(), 4000)
  }
  for (const p of toasts.children) setTimeout(() => p.remove(), 6000)

  // improve adds what needs scripts to a part of the page.
  const improve = (root) => {
    for (const button of root.querySelectorAll('[data-copy]')) button.hidden = false
    for (const time of root.querySelectorAll('time')) {
      const at = new Date(time.dateTime)
      time.title = at.toLocaleString(undefined, { dateStyle: 'full', timeStyle: 'long' }) + '\n' + time.dateTime
      if (!('ago' in time.dataset)) time.textContent = at.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' })
    }
  }
  improve(document)
  document.addEventListener('htmx:load', (e) => improve(e.detail.elt))

  document.addEventListener('click', async (e) => {
    const button = e.target.closest('[data-copy]')
    if (!button) return
    const code = button.parentElement.querySelector('code')
    try {
      await navigator.clipboard.writeText(code.textContent)
      toast('Copied: ' + code.getAttribute('aria-label'))
    } catch {
      getSelection().selectAllChildren(code)
      toast('Press Ctrl-C to copy')
    }
  })

  const address = document.querySelector('[data-address]')
  if (address) history.replaceState(null, '', address.dataset.address)
})()
