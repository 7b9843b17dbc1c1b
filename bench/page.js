// SPDX-License-Identifier: MIT
// Links to all sections; tables are sorted by a click on a column's head: up, down, as they came; and filtered by a word.
'use strict';
(function () {
	const NEXT = { none: 'ascending', ascending: 'descending', descending: 'none' };

	// Numbers by their value, which data-v has in full; text as people order it; blanks come last.
	function compare(a, b, sign) {
		if (a === '' || b === '')
			return (a === '') - (b === '');
		const x = Number(a), y = Number(b);
		if (!Number.isNaN(x) && !Number.isNaN(y))
			return sign * (x - y);
		return sign * a.localeCompare(b, undefined, { numeric: true });
	}

	function value(row, column) {
		const cell = row.cells[column];
		return cell.hasAttribute('data-v') ? cell.getAttribute('data-v') : cell.textContent;
	}

	function sort(table, head) {
		const order = NEXT[head.getAttribute('aria-sort') || 'none'];
		const body = table.tBodies[0], rows = Array.from(body.rows);

		for (const other of table.tHead.rows[0].cells)
			other.setAttribute('aria-sort', 'none');
		head.setAttribute('aria-sort', order);
		rows.sort(function (a, b) {
			const came = a.dataset.row - b.dataset.row;
			if (order === 'none')
				return came;
			const sign = order === 'ascending' ? 1 : -1;
			return compare(value(a, head.cellIndex), value(b, head.cellIndex), sign) || came;
		});
		body.append(...rows);
	}

	// Every word must be somewhere in the row.
	function filter(table, text, count) {
		const words = text.toLowerCase().split(/\s+/).filter(Boolean);
		let shown = 0;

		for (const row of table.tBodies[0].rows) {
			const content = row.textContent.toLowerCase();
			row.hidden = !words.every(function (word) { return content.includes(word); });
			shown += !row.hidden;
		}
		count.textContent = shown + ' of ' + table.tBodies[0].rows.length + ' rows';
	}

	for (const section of document.querySelectorAll('section')) {
		const item = document.createElement('li'), link = document.createElement('a');

		link.href = '#' + section.id;
		link.textContent = section.querySelector('h2').textContent;
		item.append(link);
		document.querySelector('nav ul').append(item);
	}
	for (const table of document.querySelectorAll('table.sortable')) {
		const tools = table.closest('section').querySelector('.tools');
		const input = tools.querySelector('input'), count = tools.querySelector('output');

		Array.from(table.tBodies[0].rows).forEach(function (row, i) { row.dataset.row = i; });
		for (const head of table.tHead.rows[0].cells)
			head.querySelector('button').addEventListener('click', function () { sort(table, head); });
		input.addEventListener('input', function () { filter(table, input.value, count); });
		tools.hidden = false;
		filter(table, '', count);
	}
})();
